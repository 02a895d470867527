/* A packet parser: Ethernet, up to two VLAN tags, IPv4 or IPv6, TCP or UDP; drops by port, counts by verdict. */
#include "bpf.h"

struct verdict {
  __u64 packets, bytes;
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 5);
  __type(key, __u32);
  __type(value, struct verdict);
} verdicts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 128);
  __type(key, __u16);
  __type(value, __u8);
} blocked SEC(".maps");

struct cursor {
  void *at, *end;
};

static __always_inline int next_protocol(struct cursor *c, __u16 proto) {
  if (proto == __bpf_htons(ETH_P_IP)) {
    struct iphdr *ip = c->at;
    if ((void *)(ip + 1) > c->end || ip->ihl < 5)
      return -1;
    c->at += ip->ihl * 4;
    return ip->frag_off & __bpf_htons(0x1fff) ? 0 : ip->protocol;
  }
  if (proto == __bpf_htons(ETH_P_IPV6)) {
    struct ipv6hdr *ip = c->at;
    if ((void *)(ip + 1) > c->end)
      return -1;
    c->at = ip + 1;
    return ip->nexthdr;
  }
  return 0;
}

static __always_inline int judge(struct xdp_md *ctx) {
  struct cursor c = {(void *)(long)ctx->data, (void *)(long)ctx->data_end};
  struct ethhdr *eth = c.at;
  if ((void *)(eth + 1) > c.end)
    return XDP_ABORTED;
  __u16 proto = eth->h_proto;
  c.at = eth + 1;
  for (int i = 0; i < 2 && proto == __bpf_htons(ETH_P_8021Q); i++) {
    __u16 *tag = c.at;
    if ((void *)(tag + 2) > c.end)
      return XDP_ABORTED;
    proto = tag[1];
    c.at = tag + 2;
  }
  int l4 = next_protocol(&c, proto);
  if (l4 < 0)
    return XDP_DROP;
  if (l4 != IPPROTO_TCP && l4 != IPPROTO_UDP)
    return XDP_PASS;
  __u16 *ports = c.at;
  if ((void *)(ports + 2) > c.end)
    return XDP_DROP;
  __u16 port = ports[1];
  return bpf_map_lookup_elem(&blocked, &port) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int parse(struct xdp_md *ctx) {
  __u32 verdict = judge(ctx);
  struct verdict *v = bpf_map_lookup_elem(&verdicts, &verdict);
  if (v) {
    v->packets++;
    v->bytes += ctx->data_end - ctx->data;
  }
  return verdict;
}

char _license[] SEC("license") = "GPL";
