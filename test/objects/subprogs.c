/* Calls: static and global functions, one calling another, shared between programs, and callbacks by address. */
#include "bpf.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 8);
  __type(key, __u32);
  __type(value, __u64);
} sums SEC(".maps");

static __noinline __u64 square(__u64 x) {
  return x * x + bpf_get_smp_processor_id() * 0;
}

static __noinline __u64 weigh(__u64 x, __u32 kind) {
  if (kind == 6)
    return square(x) + 1;
  return x + kind;
}

__noinline int add_up(__u32 index, __u32 amount) {
  __u64 *sum = bpf_map_lookup_elem(&sums, &index);
  if (!sum)
    return -1;
  *sum += weigh(amount, index);
  return 0;
}

struct walk {
  __u64 total;
  __u32 steps;
};

static long add_element(void *map, __u32 *key, __u64 *value, struct walk *walk) {
  walk->total += square(*value);
  walk->steps++;
  return 0;
}

static int count_step(__u32 i, struct walk *walk) {
  walk->steps += i & 1;
  return 0;
}

SEC("socket")
int first(struct __sk_buff *skb) {
  return add_up(1, skb->len) + weigh(skb->len, 6);
}

SEC("socket")
int second(struct __sk_buff *skb) {
  return square(skb->len) + add_up(2, 3);
}

SEC("tc")
int walker(struct __sk_buff *skb) {
  struct walk walk = {};
  bpf_for_each_map_elem(&sums, add_element, &walk, 0);
  bpf_loop(skb->len & 15, count_step, &walk, 0);
  return walk.steps + add_up(3, walk.total);
}

SEC("?socket")
int optional(struct __sk_buff *skb) {
  return 0;
}

char _license[] SEC("license") = "GPL";
