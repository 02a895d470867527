/* Sets the DSCP of IPv4 packets to a UDP port and keeps the header checksum right; marks what it changed. */
#include "bpf.h"

const volatile __u16 match_port = 53;
const volatile __u8 dscp = 46;
__u64 rewritten, skipped;

SEC("tc")
int rewrite(struct __sk_buff *skb) {
  void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
  struct ethhdr *eth = data;
  struct iphdr *ip = data + sizeof(*eth);
  struct udphdr *udp = (void *)(ip + 1);
  if ((void *)(udp + 1) > end || eth->h_proto != __bpf_htons(ETH_P_IP) || ip->ihl != 5 ||
      ip->protocol != IPPROTO_UDP || udp->dest != __bpf_htons(match_port)) {
    skipped++;
    return TC_ACT_OK;
  }
  __u8 old = ip->tos, tos = dscp << 2 | (old & 3);
  __u32 at = sizeof(*eth);
  bpf_l3_csum_replace(skb, at + 10, __bpf_htons((__u16)old), __bpf_htons((__u16)tos), 2);
  bpf_skb_store_bytes(skb, at + 1, &tos, 1, 0);
  skb->mark = tos;
  rewritten++;
  return TC_ACT_OK;
}

char _license[] SEC("license") = "GPL";
