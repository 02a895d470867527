/* The older map definitions: a struct of numbers in section `maps`. */
#include "bpf.h"

struct bpf_map_def {
  __u32 type, key_size, value_size, max_entries, map_flags;
};

struct bpf_map_def SEC("maps") protocols = {BPF_MAP_TYPE_ARRAY, 4, 8, 256, 0};
struct bpf_map_def SEC("maps") sources = {BPF_MAP_TYPE_HASH, 4, 8, 64, 1};

SEC("socket")
int count(struct __sk_buff *skb) {
  __u8 protocol = 0;
  bpf_skb_load_bytes(skb, 23, &protocol, 1);
  __u32 key = protocol;
  __u64 *n = bpf_map_lookup_elem(&protocols, &key);
  if (n)
    __sync_fetch_and_add(n, 1);
  __u64 one = 1;
  bpf_map_update_elem(&sources, &key, &one, ANY);
  return skb->len;
}

char _license[] SEC("license") = "GPL";
