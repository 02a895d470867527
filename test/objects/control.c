/* Control flow that leaves a function: callbacks, tail calls from functions. Each program returns what it found out. */
#include "bpf.h"

#define MAP(kind, kt, vt, n) { __uint(type, kind); __type(key, kt); __type(value, vt); __uint(max_entries, n); }
struct MAP(BPF_MAP_TYPE_ARRAY, __u32, __u64, 5) numbers SEC(".maps");
struct MAP(BPF_MAP_TYPE_HASH, __u64, __u32, 16) table SEC(".maps");
struct MAP(BPF_MAP_TYPE_PERCPU_ARRAY, __u32, __u64, 3) percpu SEC(".maps");
struct MAP(BPF_MAP_TYPE_PERCPU_HASH, __u32, __u64, 8) percpu_table SEC(".maps");
struct MAP(BPF_MAP_TYPE_LRU_HASH, __u64, __u32, 64) recent SEC(".maps");
struct MAP(BPF_MAP_TYPE_LRU_PERCPU_HASH, __u64, __u32, 64) recent_percpu SEC(".maps");
int target(struct xdp_md *ctx);
struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(key_size, 4);
  __uint(value_size, 4);
  __uint(max_entries, 4);
} progs SEC(".maps");

static long (*bpf_tail_call)(void *ctx, void *map, __u32 index) = (void *)12;

struct sum {
  __u64 sum;
  __u32 stop, rounds;
};

static long add(__u32 i, struct sum *s) {
  s->sum += i * 3;
  s->rounds++;
  return i == s->stop;
}
static long nothing(__u32 i, void *ctx) { return 0; }
static long inner(__u32 i, struct sum *s) {
  bpf_loop(i, add, s, 0);
  return 0;
}

SEC("xdp") int loop_all(struct xdp_md *ctx) {
  struct sum s = {.stop = -1};
  long r = bpf_loop(10, add, &s, 0);
  return r * 1000 + s.sum;
}
SEC("xdp") int loop_stops(struct xdp_md *ctx) {
  struct sum s = {.stop = 4};
  long r = bpf_loop(10, add, &s, 0);
  return r * 1000 + s.sum;
}
SEC("xdp") int loop_nested(struct xdp_md *ctx) {
  struct sum s = {.stop = 6};
  long r = bpf_loop(9, inner, &s, 0);
  return r * 100000 + s.sum * 100 + s.rounds;
}
SEC("xdp") int loop_many(struct xdp_md *ctx) {
  struct sum s = {.stop = -1};
  bpf_loop(100000, add, &s, 0);
  return s.sum;
}
static __noinline __u32 minus_one(struct xdp_md *ctx) { return ctx->data_end - ctx->data < 1000 ? -1 : 0; }
SEC("xdp") int loop_too_many(struct xdp_md *ctx) { return bpf_loop(minus_one(ctx), nothing, 0, 0); }
SEC("xdp") int loop_limit(struct xdp_md *ctx) { return bpf_loop((1 << 23) + 1, nothing, 0, 0); }
SEC("xdp") int loop_flags(struct xdp_md *ctx) { return bpf_loop(1, nothing, 0, 1); }
SEC("xdp") int loop_flags_and_limit(struct xdp_md *ctx) { return bpf_loop(-1, nothing, 0, 1ull << 32); }
SEC("xdp") int loop_zero(struct xdp_md *ctx) { return bpf_loop(0, nothing, 0, 0); }

static long of_two(__u32 i, struct sum *s) {
  s->sum = s->sum * 2 + 1;
  return 0;
}
SEC("xdp") int loop_either(struct xdp_md *ctx) {
  struct sum s = {.stop = -1};
  for (int i = 0; i < 2; i++) bpf_loop(3, minus_one(ctx) + i ? add : of_two, &s, 0);
  return s.sum;
}

static long each(void *map, __u32 *key, __u64 *value, struct sum *s) {
  s->sum += *value * (*key + 1);
  *value += 100;
  s->rounds++;
  return s->rounds == s->stop;
}
SEC("xdp") int each_number(struct xdp_md *ctx) {
  struct sum s = {};
  for (__u32 i = 0; i < 5; i++) {
    __u32 k = i;
    __u64 v = i * 7 + 1;
    bpf_map_update_elem(&numbers, &k, &v, 0);
  }
  long n = bpf_for_each_map_elem(&numbers, each, &s, 0);
  s.stop = 7;
  long m = bpf_for_each_map_elem(&numbers, each, &s, 0);
  return n * 1000000 + m * 100000 + s.sum;
}
SEC("xdp") int each_percpu(struct xdp_md *ctx) {
  struct sum s = {};
  for (__u32 i = 0; i < 3; i++) {
    __u32 k = i;
    __u64 v = i + 1;
    bpf_map_update_elem(&percpu, &k, &v, 0);
    bpf_map_update_elem(&percpu_table, &k, &v, 0);
  }
  long n = bpf_for_each_map_elem(&percpu, each, &s, 0);
  n = n * 10 + bpf_for_each_map_elem(&percpu_table, each, &s, 0);
  return n * 100000 + s.sum;
}
static long drop(void *map, __u64 *key, __u32 *value, struct sum *s) {
  s->sum += *key ^ *value;
  if (*key & 1) bpf_map_delete_elem(map, key);
  return 0;
}
SEC("xdp") int each_deletes(struct xdp_md *ctx) {
  struct sum s = {};
  for (__u64 k = 0; k < 10; k++) {
    __u32 v = k * k;
    bpf_map_update_elem(&table, &k, &v, 0);
  }
  long n = bpf_for_each_map_elem(&table, drop, &s, 0);
  long m = bpf_for_each_map_elem(&table, drop, &s, 0);
  return n * 100000 + m * 1000 + s.sum;
}
static long sum_of(void *map, __u64 *key, __u32 *value, struct sum *s) {
  s->sum += *key * 7 + *value;
  *value += 1;
  s->rounds++;
  return s->rounds == s->stop;
}
SEC("xdp") int each_lru(struct xdp_md *ctx) {
  struct sum s = {};
  for (__u64 k = 0; k < 10; k++) {
    __u32 v = k * k;
    bpf_map_update_elem(&recent, &k, &v, 0);
    bpf_map_update_elem(&recent_percpu, &k, &v, 0);
  }
  long n = bpf_for_each_map_elem(&recent, sum_of, &s, 0);
  n = n * 100 + bpf_for_each_map_elem(&recent, drop, &s, 0);
  n = n * 100 + bpf_for_each_map_elem(&recent, sum_of, &s, 0);
  n = n * 100 + bpf_for_each_map_elem(&recent_percpu, sum_of, &s, 0);
  return n * 10000 + s.sum;
}
SEC("xdp") int each_lru_stops(struct xdp_md *ctx) {
  struct sum s = {.stop = 3};
  for (__u64 k = 0; k < 10; k++) {
    __u32 v = 1;
    bpf_map_update_elem(&recent, &k, &v, 0);
  }
  return bpf_for_each_map_elem(&recent, sum_of, &s, 0) * 100 + s.rounds;
}
SEC("xdp") int each_empty(struct xdp_md *ctx) {
  struct sum s = {};
  return bpf_for_each_map_elem(&table, drop, &s, 0) + 40;
}
SEC("xdp") int each_flags(struct xdp_md *ctx) {
  struct sum s = {};
  return bpf_for_each_map_elem(&table, drop, &s, 1);
}

static long (*bpf_probe_read_kernel)(void *to, __u32 size, const void *from) = (void *)113;
struct name { __u8 bytes[13]; };
struct long_name { __u8 bytes[70]; };
struct MAP(BPF_MAP_TYPE_HASH, struct name, __u32, 8) names SEC(".maps");
struct MAP(BPF_MAP_TYPE_HASH, struct long_name, __u32, 8) long_names SEC(".maps");

/* What the functions are given stays what it is, whatever else is gone through meanwhile. */
static long inner_element(void *map, __u32 *key, __u64 *value, struct sum *s) {
  s->rounds += *key + 1;
  return 0;
}
static long outer_element(void *map, __u32 *key, __u64 *value, struct sum *s) {
  bpf_for_each_map_elem(&percpu, inner_element, s, 0);
  s->sum = s->sum * 10 + *key;
  return 0;
}
SEC("xdp") int each_nested(struct xdp_md *ctx) {
  struct sum s = {};
  long n = bpf_for_each_map_elem(&numbers, outer_element, &s, 0);
  return n * 100000 + s.sum + s.rounds;
}
static long replace(void *map, __u64 *key, __u32 *value, struct sum *s) {
  __u64 k = *key;
  __u32 v = *value + 100;
  bpf_map_update_elem(map, &k, &v, EXIST);
  s->sum += *value * 10 + *key;
  return 0;
}
SEC("xdp") int each_replaces(struct xdp_md *ctx) {
  struct sum s = {};
  for (__u64 k = 0; k < 10; k++) {
    __u32 v = k + 1;
    bpf_map_update_elem(&table, &k, &v, 0);
  }
  long n = bpf_for_each_map_elem(&table, replace, &s, 0);
  n = n * 100 + bpf_for_each_map_elem(&table, replace, &s, 0);
  return n * 10000 + s.sum;
}
static long read_name(void *map, struct name *key, __u32 *value, struct sum *s) {
  struct name copy = {};
  s->sum += bpf_probe_read_kernel(&copy, sizeof copy, key);
  for (int i = 0; i < 13; i++) s->sum += copy.bytes[i] * (key->bytes[i] + i) + *value;
  return 0;
}
static __always_inline void put_name(__u32 i) {
  struct name name = {.bytes = {1 + i, 7, i * 31, [12] = i * 7}};
  bpf_map_update_elem(&names, &name, &i, 0);
}
SEC("xdp") int each_name(struct xdp_md *ctx) {
  struct sum s = {};
  put_name(0), put_name(1), put_name(2);
  return bpf_for_each_map_elem(&names, read_name, &s, 0) * 1000000 + s.sum;
}
static long read_long_name(void *map, struct long_name *key, __u32 *value, struct sum *s) {
  s->sum += key->bytes[0] + key->bytes[69] * *value;
  return 0;
}
static __always_inline void put_long_name(__u32 i) {
  struct long_name name = {.bytes = {i, [69] = i * 3}};
  bpf_map_update_elem(&long_names, &name, &i, 0);
}
SEC("xdp") int each_long_name(struct xdp_md *ctx) {
  struct sum s = {};
  put_long_name(1), put_long_name(2), put_long_name(3);
  return bpf_for_each_map_elem(&long_names, read_long_name, &s, 0) * 1000000 + s.sum;
}
static long either_element(void *map, __u32 *key, __u64 *value, struct sum *s) {
  s->sum += *key * 2 + 1;
  return s->sum > 10;
}
/* Neither the map nor the function is the same each time. */
SEC("xdp") int each_either(struct xdp_md *ctx) {
  struct sum s = {};
  long n = 0;
  for (int i = 0; i < 4; i++) {
    void *map = i & 1 ? (void *)&numbers : (void *)&percpu;
    n = n * 10 + bpf_for_each_map_elem(map, minus_one(ctx) + i > 1 ? either_element : inner_element, &s, 0);
  }
  return n * 1000 + s.sum + s.rounds;
}

static __noinline int call(struct xdp_md *ctx, __u32 index) {
  volatile __u64 kept = 5;
  bpf_tail_call(ctx, &progs, index);
  return kept;
}
/* In the array: 0 the target, 1 this one, 2 one that calls a function that calls the target. */
SEC("xdp") int target(struct xdp_md *ctx) { return 7; }
SEC("xdp") int functions(struct xdp_md *ctx) {
  volatile __u64 kept = 1000;
  int r = call(ctx, 0);
  r = r * 10 + call(ctx, 3);
  return kept + r;
}
SEC("xdp") int two_levels(struct xdp_md *ctx) { return call(ctx, 2) * 10 + 3; }
SEC("xdp") int again(struct xdp_md *ctx) { return call(ctx, 1) + 1; }
SEC("xdp") int in_array_2(struct xdp_md *ctx) { return call(ctx, 0) + 60; }
/* Goes through elements in a frame of its own, behind a tail call that finds nothing. */
static __noinline int go_through(struct xdp_md *ctx) {
  struct sum s = {};
  bpf_tail_call(ctx, &progs, 3);
  return bpf_for_each_map_elem(&numbers, outer_element, &s, 0) + s.sum + s.rounds;
}
SEC("xdp") int each_in_function(struct xdp_md *ctx) { return go_through(ctx); }
char _license[] SEC("license") = "GPL";
