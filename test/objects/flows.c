/* Counts flows by 5-tuple in an LRU-free hash, first and last time seen, from a tracepoint-like and a socket hook. */
#include "bpf.h"

struct flow {
  __u32 source, dest;
  __u16 sport, dport;
  __u8 protocol, pad[3];
};
struct stats {
  __u64 packets, bytes, first, last;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 4096);
  __type(key, struct flow);
  __type(value, struct stats);
} flows SEC(".maps");

static __noinline int account(struct flow *flow, __u64 bytes) {
  if (!flow)
    return 0;
  __u64 now = bpf_ktime_get_ns();
  struct stats *s = bpf_map_lookup_elem(&flows, flow);
  if (!s) {
    struct stats first = {1, bytes, now, now};
    return bpf_map_update_elem(&flows, flow, &first, NOEXIST);
  }
  __sync_fetch_and_add(&s->packets, 1);
  __sync_fetch_and_add(&s->bytes, bytes);
  s->last = now;
  return 0;
}

SEC("socket")
int flow_counter(struct __sk_buff *skb) {
  struct iphdr ip;
  struct flow flow = {};
  __u16 ports[2];
  if (skb->protocol != __bpf_htons(ETH_P_IP) || bpf_skb_load_bytes(skb, 14, &ip, sizeof(ip)))
    return 0;
  flow.source = ip.saddr;
  flow.dest = ip.daddr;
  flow.protocol = ip.protocol;
  if ((ip.protocol == IPPROTO_TCP || ip.protocol == IPPROTO_UDP) &&
      !bpf_skb_load_bytes(skb, 14 + ip.ihl * 4, ports, sizeof(ports))) {
    flow.sport = ports[0];
    flow.dport = ports[1];
  }
  account(&flow, skb->len);
  return skb->len;
}

char _license[] SEC("license") = "GPL";
