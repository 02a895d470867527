#include "../common.h"
// an egress filter that counts packets and bytes of its socket buffer's mark, in a hash
struct __sk_buff {
  u32 len, pkt_type, mark, queue_mapping, protocol, vlan_present, vlan_tci, vlan_proto, priority, ingress_ifindex, ifindex;
  u32 tc_index, cb[5], hash, tc_classid, data, data_end;
};
MAP(marks, 1, u32, struct fval, 64);
SEC("cgroup_skb/egress") int prog(struct __sk_buff *skb) {
  u32 key = skb->mark;
  struct fval *value = map_lookup(&marks, &key), first = {1, skb->len};
  if (!value) {
    map_update(&marks, &key, &first, 1);
  } else {
    __sync_fetch_and_add(&value->packets, 1);
    __sync_fetch_and_add(&value->bytes, skb->len);
  }
  return 1;
}
