#include "../common.h"
// a classifier that hashes the flow, and calls a function with the context
struct __sk_buff {
  u32 len, pkt_type, mark, queue_mapping, protocol, vlan_present, vlan_tci, vlan_proto, priority, ingress_ifindex, ifindex;
  u32 tc_index, cb[5], hash, tc_classid, data, data_end;
};
static u32 (*get_hash_recalc)(void *skb) = (void *)34;
NOINLINE u32 mark(struct __sk_buff *skb, u32 by) {
  skb->mark += by;
  skb->tc_index = by & 0xff;
  return skb->mark ^ skb->cb[2];
}
SEC("tc") int prog(struct __sk_buff *skb) {
  u32 hash = get_hash_recalc(skb);
  return mark(skb, hash & 0xff) + mark(skb, 3) == 0;
}
