#include "../common.h"
// a classifier that looks at fields of the context, and sets its mark and its private words
struct __sk_buff {
  u32 len, pkt_type, mark, queue_mapping, protocol, vlan_present, vlan_tci, vlan_proto, priority, ingress_ifindex, ifindex;
  u32 tc_index, cb[5], hash, tc_classid, data, data_end;
};
SEC("tc") int prog(struct __sk_buff *skb) {
  u32 sum = skb->len + skb->protocol + skb->vlan_tci + skb->priority + skb->ifindex + skb->cb[1];
  skb->mark = sum ^ skb->mark;
  skb->cb[0] = sum;
  skb->cb[1] = skb->queue_mapping + skb->tc_index;
  skb->priority = sum & 7;
  return skb->mark + skb->cb[0];
}
