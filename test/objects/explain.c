/* One refusal of each usual kind, for skep explain. Inline assembly keeps the compiler from mending them. */
#include "bpf.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 4);
  __type(key, __u32);
  __type(value, __u8[16]);
} table SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 4);
  __type(key, __u64[2]);
  __type(value, __u64);
} pairs SEC(".maps");

/* The index comes from the packet's mark and is compared only from above, as a signed number. */
SEC("socket")
int index_may_be_negative(struct __sk_buff *skb) {
  __u32 zero = 0;
  __u8 *value = bpf_map_lookup_elem(&table, &zero);
  if (!value) return 0;
  long index = (int)skb->mark;
  asm volatile("" : "+r"(index));
  if (index > 15) return 0;
  return value[index];
}

/* The index is bounded, but by the wrong number. */
SEC("socket")
int index_one_too_far(struct __sk_buff *skb) {
  __u32 zero = 0;
  __u8 *value = bpf_map_lookup_elem(&table, &zero);
  if (!value) return 0;
  __u32 index = skb->mark;
  asm volatile("" : "+r"(index));
  if (index > 16) return 0;
  return value[index];
}

/* 14 bytes are compared with data_end, 34 are used. */
SEC("xdp")
int short_bounds_check(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = data;
  if (data + sizeof(*eth) > end) return XDP_PASS;
  if (eth->h_proto != __bpf_htons(ETH_P_IP)) return XDP_PASS;
  struct iphdr *ip = data + sizeof(*eth);
  return ip->protocol == IPPROTO_UDP ? XDP_DROP : XDP_PASS;
}

/* The pointer is spilled, and loaded again before it is checked. */
SEC("socket")
int spilled_unchecked(struct __sk_buff *skb) {
  __u64 key[2] = {1, 2};
  __u64 *volatile kept = bpf_map_lookup_elem(&pairs, key);
  bpf_get_prandom_u32();
  return *kept;
}

/* A short packet goes around the assignment. */
SEC("socket")
int unset_on_a_branch(struct __sk_buff *skb) {
  long result;
  asm volatile("if %1 < 100 goto 1f; r8 = 1; 1: %0 = r8" : "=r"(result) : "r"((long)skb->len) : "r8");
  return result;
}

/* r5 is lost in the call. */
SEC("socket")
int lost_in_call(struct __sk_buff *skb) {
  long kept;
  asm volatile("r5 = 7; call 7; %0 = r5" : "=r"(kept)::"r0", "r1", "r2", "r3", "r4", "r5");
  return kept;
}

/* The context may not be written there. */
SEC("xdp")
int writes_context(struct xdp_md *ctx) {
  ((volatile struct xdp_md *)ctx)->rx_queue_index = 1;
  return XDP_PASS;
}

/* A packet's bytes cannot be stored in an XDP program by that helper. */
SEC("xdp")
int wrong_helper(struct xdp_md *ctx) {
  __u32 zero = 0;
  return bpf_skb_store_bytes(ctx, 0, &zero, 4, 0);
}

/* The loop's variable never changes. */
SEC("socket")
int never_ends(struct __sk_buff *skb) {
  asm volatile("r1 = 1; 1: if r1 != 0 goto 1b" ::: "r1");
  return 0;
}

/* Multiplying an address. */
SEC("socket")
int multiplies_pointer(struct __sk_buff *skb) {
  long x = (long)skb;
  asm volatile("%0 *= 3" : "+r"(x));
  return x;
}

char _license[] SEC("license") = "Dual MIT/GPL";
