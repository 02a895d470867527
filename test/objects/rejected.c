/* Programs that the verifier refuses, with source lines to point at. */
#include "bpf.h"

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} cell SEC(".maps");

SEC("socket")
int no_null_check(struct __sk_buff *skb) {
  __u32 zero = 0;
  __u64 *value = bpf_map_lookup_elem(&cell, &zero);
  *value += 1;
  return 0;
}

SEC("xdp")
int no_bounds_check(struct xdp_md *ctx) {
  __u8 *data = (void *)(long)ctx->data;
  return data[12] == 8 ? XDP_PASS : XDP_DROP;
}

SEC("license") char _license[] = "GPL";
