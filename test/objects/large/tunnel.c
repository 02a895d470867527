/* Tunnels at tc: VXLAN and GRE built by hand, room made and taken, VLAN tags, DSCP, TTL, IPv6 extension headers, SNAT with port search. */
#include "common.h"
struct vxlan { __be32 flags, vni; };
struct gre { __be16 flags, proto; };
struct ep { __be32 local, remote; __u32 vni, ifindex; __u8 smac[6], dmac[6]; __u8 kind, tos; };
struct nat_key { __be32 addr, raddr; __be16 port, rport; __u8 proto, pad[3]; };
struct nat_val { __be32 addr; __be16 port; __u16 flags; __u64 created; };
struct range { __u16 lo, hi; };
MAP(eps, BPF_MAP_TYPE_HASH, __u32, struct ep, 1024);
MAP(nat, BPF_MAP_TYPE_LRU_HASH, struct nat_key, struct nat_val, 65536);
MAP(ranges, BPF_MAP_TYPE_ARRAY, __u32, struct range, 4);
MAP(cnt, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, __u64, 64);
const volatile __be32 snat_ip = 0x0100000a; const volatile __u16 vxlan_port = 4789;
static __always_inline void inc(__u32 i) { __u64 *c = bpf_map_lookup_elem(&cnt, &i); if (c) (*c)++; }
static __always_inline __u16 fold(__u32 s) { s = (s & 0xffff) + (s >> 16); s = (s & 0xffff) + (s >> 16); return ~s; }
static __always_inline int ip_header(struct iphdr *ip, struct ep *e, __u16 len, __u8 proto) { ip->version = 4; ip->ihl = 5; ip->tos = e->tos; ip->tot_len = bpf_htons(len); ip->id = bpf_get_prandom_u32(); ip->frag_off = bpf_htons(0x4000); ip->ttl = 64; ip->protocol = proto; ip->saddr = e->local; ip->daddr = e->remote; ip->check = 0; ip->check = fold(bpf_csum_diff(0, 0, (void *)ip, 20, 0)); return 0; }
SEC("tc") int encap(struct __sk_buff *skb) {
  __u32 key = skb->mark & 0xffff; struct ep *e = bpf_map_lookup_elem(&eps, &key); if (!e) return TC_ACT_OK; __u32 plen = skb->len; int pad = e->kind == 1 ? sizeof(struct iphdr) + sizeof(struct udphdr) + sizeof(struct vxlan) : sizeof(struct iphdr) + sizeof(struct gre);
  if (e->kind == 1) { struct { struct ethhdr eth; struct iphdr ip; struct udphdr udp; struct vxlan vx; } __attribute__((packed)) h = {};
    if (bpf_skb_change_head(skb, sizeof h, 0)) return TC_ACT_SHOT; __builtin_memcpy(h.eth.h_source, e->smac, 6); __builtin_memcpy(h.eth.h_dest, e->dmac, 6); h.eth.h_proto = bpf_htons(ETH_P_IP); ip_header(&h.ip, e, plen + pad, IPPROTO_UDP); h.udp.source = bpf_htons(0xc000 | (bpf_get_hash_recalc(skb) & 0x3fff)); h.udp.dest = bpf_htons(vxlan_port); h.udp.len = bpf_htons(plen + 16); h.vx.flags = bpf_htonl(0x08000000); h.vx.vni = bpf_htonl(e->vni << 8);
    if (bpf_skb_store_bytes(skb, 0, &h, sizeof h, BPF_F_INVALIDATE_HASH)) return TC_ACT_SHOT; inc(0); return bpf_redirect(e->ifindex, 0); }
  __u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_ENCAP_L4_GRE; if (bpf_skb_adjust_room(skb, pad, BPF_ADJ_ROOM_MAC, flags)) { inc(1); return TC_ACT_SHOT; }
  void *d = (void *)(long)skb->data, *end = (void *)(long)skb->data_end; struct ethhdr *eth = d; struct iphdr *ip = (void *)(eth + 1); struct gre *g = (void *)(ip + 1); if ((void *)(g + 1) > end) return TC_ACT_SHOT; ip_header(ip, e, plen - 14 + pad, 47); g->flags = 0; g->proto = skb->protocol; eth->h_proto = bpf_htons(ETH_P_IP); __builtin_memcpy(eth->h_dest, e->dmac, 6); inc(2); return bpf_redirect_neigh(e->ifindex, 0, 0, 0);
}
SEC("tc") int decap(struct __sk_buff *skb) {
  void *d = (void *)(long)skb->data, *end = (void *)(long)skb->data_end; struct ethhdr *eth = d; struct iphdr *ip = (void *)(eth + 1); if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP)) return TC_ACT_OK; __u32 off = 14 + ip->ihl * 4; __u8 proto = ip->protocol; int take = 0;
  if (proto == IPPROTO_UDP) { struct { struct udphdr u; struct vxlan v; } t; if (bpf_skb_load_bytes(skb, off, &t, sizeof t)) return TC_ACT_OK; if (t.u.dest != bpf_htons(vxlan_port) || !(t.v.flags & bpf_htonl(0x08000000))) return TC_ACT_OK; skb->mark = bpf_ntohl(t.v.vni) >> 8; take = off - 14 + sizeof t + 14; }
  else if (proto == 47) { struct gre g; if (bpf_skb_load_bytes(skb, off, &g, sizeof g)) return TC_ACT_OK; take = off - 14 + 4; if (g.flags & bpf_htons(0x2000)) take += 4; if (g.flags & bpf_htons(0x8000)) take += 4; } else if (proto == 4 || proto == 41) take = off - 14; else return TC_ACT_OK;
  if (bpf_skb_adjust_room(skb, -take, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO)) return TC_ACT_SHOT; inc(3); if (skb->vlan_present) { __u16 id = skb->vlan_tci & 0xfff; bpf_skb_vlan_pop(skb); skb->queue_mapping = id & 7; } else bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), skb->mark & 0xfff); return bpf_clone_redirect(skb, 3, BPF_F_INGRESS) ? TC_ACT_SHOT : TC_ACT_PIPE;
}
static __always_inline int rewrite_port(struct __sk_buff *skb, __u32 off, __be16 from, __be16 to, __be32 afrom, __be32 ato, __u32 csum) {
  bpf_l4_csum_replace(skb, csum, afrom, ato, BPF_F_PSEUDO_HDR | 4); bpf_l4_csum_replace(skb, csum, from, to, 2); bpf_l3_csum_replace(skb, 14 + 10, afrom, ato, 4); if (bpf_skb_store_bytes(skb, 14 + 12, &ato, 4, 0)) return -1; return bpf_skb_store_bytes(skb, off, &to, 2, 0);
}
SEC("tc") int snat(struct __sk_buff *skb) {
  struct iphdr ip; if (bpf_skb_load_bytes(skb, 14, &ip, sizeof ip) || ip.version != 4 || ip.ihl < 5) return TC_ACT_OK; if (ip.protocol != IPPROTO_TCP && ip.protocol != IPPROTO_UDP) return TC_ACT_OK; __u32 off = 14 + ip.ihl * 4; struct { __be16 s, d; } p; if (bpf_skb_load_bytes(skb, off, &p, 4)) return TC_ACT_SHOT;
  struct nat_key k = { .addr = ip.saddr, .raddr = ip.daddr, .port = p.s, .rport = p.d, .proto = ip.protocol }; struct nat_val *v = bpf_map_lookup_elem(&nat, &k), n = {}; __be16 port = 0; __u32 zero = 0;
  if (v) port = v->port; else {
    struct range *r = bpf_map_lookup_elem(&ranges, &zero); if (!r || r->hi <= r->lo) return TC_ACT_SHOT; __u16 span = r->hi - r->lo, start = bpf_get_prandom_u32();
#pragma unroll
    for (int i = 0; i < 32; i++) { __u16 c = r->lo + (__u16)(start + i * 7) % span; struct nat_key back = { .addr = ip.daddr, .raddr = snat_ip, .port = p.d, .rport = bpf_htons(c), .proto = ip.protocol }; struct nat_val b = { .addr = ip.saddr, .port = p.s, .created = bpf_ktime_get_ns() }; if (bpf_map_update_elem(&nat, &back, &b, BPF_NOEXIST) == 0) { port = bpf_htons(c); break; } }
    if (!port) { inc(9); return TC_ACT_SHOT; } n.addr = snat_ip; n.port = port; n.created = bpf_ktime_get_ns(); bpf_map_update_elem(&nat, &k, &n, 0); }
  if (rewrite_port(skb, off, p.s, port, ip.saddr, snat_ip, off + (ip.protocol == IPPROTO_TCP ? 16 : 6))) return TC_ACT_SHOT; return TC_ACT_OK;
}
SEC("tc") int dscp(struct __sk_buff *skb) {
  void *d = (void *)(long)skb->data, *end = (void *)(long)skb->data_end; __u32 off = 14; if (d + off + 40 > end) { if (bpf_skb_pull_data(skb, 64)) return TC_ACT_OK; d = (void *)(long)skb->data; end = (void *)(long)skb->data_end; if (d + off + 40 > end) return TC_ACT_OK; }
  struct ethhdr *eth = d; if (eth->h_proto == bpf_htons(ETH_P_IP)) { struct iphdr *ip = d + off; __u8 old = ip->tos, new = (old & 3) | (skb->priority & 0x3f) << 2; ip->tos = new; bpf_l3_csum_replace(skb, off + 10, bpf_htons(old), bpf_htons(new), 2); }
  else if (eth->h_proto == bpf_htons(ETH_P_IPV6)) { struct ipv6hdr *h = d + off; __u16 *w = (void *)h; *w = bpf_htons((bpf_ntohs(*w) & 0xf03f) | (skb->priority & 0x3f) << 6); __u8 next = h->nexthdr; __u32 o = off + 40; for (int i = 0; i < 8; i++) { __u8 e[2]; if (next != 0 && next != 43 && next != 60) break; if (bpf_skb_load_bytes(skb, o, e, 2)) break; if (next == 43) { inc(10); return TC_ACT_SHOT; } next = e[0]; o += (e[1] + 1) * 8; } skb->tc_index = next; }
  skb->tstamp = bpf_ktime_get_ns() + 1000; if (skb->wire_len > 9000) return TC_ACT_SHOT; return TC_ACT_OK;
}
SEC("socket") int sample(struct __sk_buff *skb) { __u8 proto = 0; __u16 port = 0; if (skb->protocol != bpf_htons(ETH_P_IP)) return 0; bpf_skb_load_bytes(skb, 23, &proto, 1); __u32 k = proto & 63; __u64 *c = bpf_map_lookup_elem(&cnt, &k); if (c) *c += skb->len; if (proto == 6) bpf_skb_load_bytes_relative(skb, 22, &port, 2, BPF_HDR_START_NET); return port == bpf_htons(80) ? 96 : proto == 17 ? -1 : 0; }
char _license[] SEC("license") = "GPL";
