#include "../common.h"
// a classifier that parses Ethernet, IPv4 and TCP by direct access and counts bytes by port
struct __sk_buff {
  u32 len, pkt_type, mark, queue_mapping, protocol, vlan_present, vlan_tci, vlan_proto, priority, ingress_ifindex, ifindex;
  u32 tc_index, cb[5], hash, tc_classid, data, data_end;
};
MAP(counts, 2, u32, u64, 256);
SEC("tc") int prog(struct __sk_buff *skb) {
  u8 *data = (u8 *)(long)skb->data, *end = (u8 *)(long)skb->data_end;
  if (data + 42 > end) return 0;
  if (*(u16 *)(data + 12) != 0x0008 || data[14] != 0x45 || data[23] != 6) return 1;
  u32 port = (*(u16 *)(data + 34) ^ *(u16 *)(data + 36)) & 255;
  u64 *count = map_lookup(&counts, &port);
  if (count) *count += skb->len;
  return *(u32 *)(data + 26) ^ *(u32 *)(data + 30);
}
