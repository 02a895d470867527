/* A container's datapath at tc: policy, connection tracking, service load balancing, tunnel encapsulation, tail calls. */
#include "common.h"
#define DROP_INVALID -134
#define DROP_POLICY -133
#define DROP_CT -137
#define DROP_UNKNOWN_L3 -139
#define DROP_MISSED_TAIL -140
#define DROP_FRAG -157
#define CB_SRC 0
#define CB_NAT 1
#define CB_REASON 2
#define ENDPOINT_ID 1027
enum { CT_NEW, CT_ESTABLISHED, CT_REPLY, CT_RELATED };
enum { DIR_EGRESS, DIR_INGRESS, DIR_SERVICE };
enum { CALL_DROP = 1, CALL_V4, CALL_V6, CALL_ARP, CALL_NAT, CALL_MAX };

struct ipv4_ct_tuple { __be32 daddr, saddr; __be16 dport, sport; __u8 nexthdr, flags; } __attribute__((packed));
struct ipv6_ct_tuple { struct in6_addr daddr, saddr; __be16 dport, sport; __u8 nexthdr, flags; } __attribute__((packed));
struct ct_entry {
  __u64 rx_packets, rx_bytes, tx_packets, tx_bytes;
  __u32 lifetime;
  __u16 rx_closing : 1, tx_closing : 1, nat46 : 1, lb_loopback : 1, seen_non_syn : 1, node_port : 1, proxy : 1, dsr : 1, reserved : 8;
  __u16 rev_nat_index;
  __u16 ifindex;
  __u8 tx_flags_seen, rx_flags_seen;
  __u32 src_sec_id, last_tx, last_rx;
};
struct ct_state { __u16 rev_nat_index; __u16 loopback : 1, node_port : 1, proxy : 1, reserved : 13; __be32 addr, svc_addr; __u32 src_sec_id; __u16 backend_id; };
struct lb4_key { __be32 address; __be16 dport; __u16 backend_slot; __u8 proto, scope; __u8 pad[2]; };
struct lb4_service { union { __u32 backend_id; __u32 affinity_timeout; }; __u16 count, rev_nat_index; __u8 flags, flags2; __u8 pad[2]; };
struct lb4_backend { __be32 address; __be16 port; __u8 proto, flags; };
struct lb4_reverse_nat { __be32 address; __be16 port; } __attribute__((packed));
struct policy_key { __u32 prefixlen; __u32 sec_label; __u8 egress : 1, pad : 7; __u8 protocol; __be16 dport; };
struct policy_entry { __be16 proxy_port; __u8 deny : 1, pad : 7; __u8 auth; __u16 pad1, pad2; __u64 packets, bytes; };
struct endpoint_key { union { struct { __u32 ip4, pad1, pad2, pad3; }; struct in6_addr ip6; }; __u8 family, key; __u16 cluster_id; };
struct endpoint_info { __u32 ifindex; __u16 unused, lxc_id; __u32 flags; __u64 mac, node_mac; __u32 sec_id; __u32 pad[3]; };
struct remote_info { __u32 sec_id; __u32 tunnel_endpoint; __u16 pad; __u8 key, flag; };
struct ipcache_key { __u32 prefixlen; __u16 cluster_id; __u8 pad1, family; __u8 addr[16]; };
struct drop_notify { __u8 type, subtype; __u16 source; __u32 hash, len_orig; __u16 len_cap, version; __u32 src_label, dst_label, dst_id; __u16 line; __u8 file; __s8 ext_error; __u32 ifindex; };
struct metrics_key { __u8 reason, dir : 2, pad : 6; __u16 line; __u8 file; __u8 reserved[3]; };
struct metrics_value { __u64 count, bytes; };

MAP(ct4, BPF_MAP_TYPE_LRU_HASH, struct ipv4_ct_tuple, struct ct_entry, 65536);
MAP(ct6, BPF_MAP_TYPE_LRU_HASH, struct ipv6_ct_tuple, struct ct_entry, 65536);
MAP(lb4_services, BPF_MAP_TYPE_HASH, struct lb4_key, struct lb4_service, 4096);
MAP(lb4_backends, BPF_MAP_TYPE_HASH, __u32, struct lb4_backend, 4096);
MAP(lb4_revnat, BPF_MAP_TYPE_HASH, __u16, struct lb4_reverse_nat, 4096);
MAP(endpoints, BPF_MAP_TYPE_HASH, struct endpoint_key, struct endpoint_info, 4096);
MAP(metrics, BPF_MAP_TYPE_PERCPU_HASH, struct metrics_key, struct metrics_value, 1024);
struct { __uint(type, BPF_MAP_TYPE_LPM_TRIE); __type(key, struct policy_key); __type(value, struct policy_entry); __uint(max_entries, 4096); __uint(map_flags, BPF_F_NO_PREALLOC); } policy SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_LPM_TRIE); __type(key, struct ipcache_key); __type(value, struct remote_info); __uint(max_entries, 4096); __uint(map_flags, BPF_F_NO_PREALLOC); } ipcache SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4); __uint(max_entries, 64); } events SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(key_size, 4); __uint(value_size, 4); __uint(max_entries, CALL_MAX); } calls SEC(".maps");
MAP(tuple4_scratch, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct ipv4_ct_tuple, 1);

static __always_inline bool revalidate(struct __sk_buff *skb, void **data_, void **end_, void **l3, __u32 len, bool pull) {
  __u32 tot = ETH_HLEN + len;
  if (pull) bpf_skb_pull_data(skb, tot);
  void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
  if (data + tot > end) return false;
  *data_ = data; *end_ = end; *l3 = data + ETH_HLEN;
  return true;
}
static __always_inline void update_metrics(__u64 bytes, __u8 dir, __u8 reason) {
  struct metrics_key key = { .reason = reason, .dir = dir };
  struct metrics_value *e = bpf_map_lookup_elem(&metrics, &key), n = {};
  if (e) { e->count++; e->bytes += bytes; }
  else { n.count = 1; n.bytes = bytes; bpf_map_update_elem(&metrics, &key, &n, 0); }
}
static __always_inline int send_drop(struct __sk_buff *skb, __u32 src, __u32 dst, int reason, int line) {
  struct drop_notify msg = { .type = 1, .subtype = -reason, .source = ENDPOINT_ID, .hash = bpf_get_hash_recalc(skb), .len_orig = skb->len, .version = 1, .src_label = src, .dst_label = dst, .line = line, .ifindex = skb->ingress_ifindex };
  __u64 cap = skb->len < 128 ? skb->len : 128;
  msg.len_cap = cap;
  bpf_perf_event_output(skb, &events, (cap << 32) | BPF_F_CURRENT_CPU, &msg, sizeof msg);
  update_metrics(skb->len, DIR_EGRESS, -reason);
  return TC_ACT_SHOT;
}
static __always_inline __u32 now_sec(void) { return bpf_ktime_get_ns() / 1000000000ull; }

static __always_inline int ipv4_l4_ports(struct __sk_buff *skb, struct iphdr *ip4, int l4_off, __be16 *ports) {
  if (ip4->frag_off & bpf_htons(0x1fff)) return DROP_FRAG;
  return bpf_skb_load_bytes(skb, l4_off, ports, 4) < 0 ? DROP_INVALID : 0;
}
static __always_inline void reverse_tuple(struct ipv4_ct_tuple *t) {
  __be32 a = t->saddr; t->saddr = t->daddr; t->daddr = a;
  __be16 p = t->sport; t->sport = t->dport; t->dport = p;
  t->flags ^= 1;
}
static __always_inline int ct_lookup(void *map, void *tuple, struct __sk_buff *skb, int dir, bool tcp, __u8 flags, struct ct_state *st) {
  struct ct_entry *e = bpf_map_lookup_elem(map, tuple);
  if (!e) return 0;
  if (e->rx_closing && e->tx_closing && (flags & 2)) { e->rx_closing = e->tx_closing = 0; e->seen_non_syn = 0; }
  if (tcp && !(flags & 2)) e->seen_non_syn = 1;
  e->lifetime = now_sec() + (tcp ? (e->seen_non_syn ? 21600 : 60) : 60);
  if (dir == DIR_INGRESS) { __sync_fetch_and_add(&e->rx_packets, 1); __sync_fetch_and_add(&e->rx_bytes, skb->len); e->rx_flags_seen |= flags; }
  else { __sync_fetch_and_add(&e->tx_packets, 1); __sync_fetch_and_add(&e->tx_bytes, skb->len); e->tx_flags_seen |= flags; }
  if (flags & 5) { if (dir == DIR_INGRESS) e->rx_closing = 1; else e->tx_closing = 1; if (e->rx_closing && e->tx_closing) e->lifetime = now_sec() + 10; }
  st->rev_nat_index = e->rev_nat_index; st->loopback = e->lb_loopback; st->node_port = e->node_port; st->src_sec_id = e->src_sec_id;
  return 1;
}
static __always_inline int ct_lookup4(struct ipv4_ct_tuple *t, struct __sk_buff *skb, int off, int dir, struct ct_state *st) {
  __u8 flags = 0; bool tcp = t->nexthdr == IPPROTO_TCP;
  if (tcp) { struct { __u8 b[2]; } f; if (bpf_skb_load_bytes(skb, off + 12, &f, 2) < 0) return DROP_CT; flags = f.b[1]; }
  else if (t->nexthdr == IPPROTO_ICMP) { __u8 type; if (bpf_skb_load_bytes(skb, off, &type, 1) < 0) return DROP_CT; t->sport = t->dport = 0;
    switch (type) { case ICMP_DEST_UNREACH: case ICMP_TIME_EXCEEDED: case ICMP_PARAMETERPROB: t->flags |= 2; break; case ICMP_ECHOREPLY: t->sport = ICMP_ECHO; break; case ICMP_ECHO: t->dport = type; break; } }
  else if (t->nexthdr != IPPROTO_UDP && t->nexthdr != 132) return DROP_CT;
  reverse_tuple(t);
  if (ct_lookup(&ct4, t, skb, dir, tcp, flags, st)) return (t->flags & 2) ? CT_RELATED : CT_REPLY;
  reverse_tuple(t);
  if (ct_lookup(&ct4, t, skb, dir, tcp, flags, st)) return CT_ESTABLISHED;
  return CT_NEW;
}
static __always_inline int ct_create4(struct ipv4_ct_tuple *t, struct __sk_buff *skb, int dir, struct ct_state *st) {
  struct ct_entry e = {};
  e.rev_nat_index = st->rev_nat_index; e.lb_loopback = st->loopback; e.src_sec_id = st->src_sec_id; e.ifindex = skb->ifindex;
  e.lifetime = now_sec() + 60;
  if (dir == DIR_INGRESS) { e.rx_packets = 1; e.rx_bytes = skb->len; } else { e.tx_packets = 1; e.tx_bytes = skb->len; }
  if (bpf_map_update_elem(&ct4, t, &e, 0) < 0) return DROP_CT;
  struct ipv4_ct_tuple icmp = { .nexthdr = IPPROTO_ICMP, .daddr = t->daddr, .saddr = t->saddr, .flags = t->flags | 2 };
  e.seen_non_syn = 1;
  return bpf_map_update_elem(&ct4, &icmp, &e, 0) < 0 ? DROP_CT : 0;
}
static __always_inline int policy_can(struct __sk_buff *skb, __u32 id, __be16 dport, __u8 proto, int dir, __be16 *proxy) {
  struct policy_key key = { .prefixlen = 64, .sec_label = id, .egress = dir == DIR_EGRESS, .protocol = proto, .dport = dport };
  struct policy_entry *e = bpf_map_lookup_elem(&policy, &key);
  if (!e) { key.sec_label = 0; e = bpf_map_lookup_elem(&policy, &key); }
  if (!e) return skb->cb[CB_SRC] ? DROP_POLICY : 0;
  __sync_fetch_and_add(&e->packets, 1); __sync_fetch_and_add(&e->bytes, skb->len);
  if (e->deny) return DROP_POLICY;
  *proxy = e->proxy_port;
  return 0;
}
static __always_inline int l4_rewrite(struct __sk_buff *skb, int l4_off, __u8 proto, __be32 old, __be32 new, __be16 oport, __be16 nport, bool dst) {
  int csum = proto == IPPROTO_TCP ? 16 : 6; int flags = BPF_F_PSEUDO_HDR | (proto == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0);
  int l3_off = ETH_HLEN;
  if (bpf_skb_store_bytes(skb, l3_off + (dst ? offsetof(struct iphdr, daddr) : offsetof(struct iphdr, saddr)), &new, 4, 0) < 0) return DROP_INVALID;
  if (bpf_l3_csum_replace(skb, l3_off + offsetof(struct iphdr, check), old, new, 4) < 0) return DROP_INVALID;
  if (proto == IPPROTO_TCP || proto == IPPROTO_UDP) {
    if (bpf_l4_csum_replace(skb, l4_off + csum, old, new, 4 | flags) < 0) return DROP_INVALID;
    if (oport != nport && nport) {
      if (bpf_l4_csum_replace(skb, l4_off + csum, oport, nport, 2 | (flags & BPF_F_MARK_MANGLED_0)) < 0) return DROP_INVALID;
      if (bpf_skb_store_bytes(skb, l4_off + (dst ? 2 : 0), &nport, 2, 0) < 0) return DROP_INVALID;
    }
  }
  return 0;
}
static __always_inline int lb4_local(struct __sk_buff *skb, struct ipv4_ct_tuple *t, int l4_off, struct ct_state *st) {
  struct lb4_key key = { .address = t->daddr, .dport = t->dport, .proto = t->nexthdr };
  struct lb4_service *svc = bpf_map_lookup_elem(&lb4_services, &key);
  if (!svc) { key.dport = 0; svc = bpf_map_lookup_elem(&lb4_services, &key); }
  if (!svc || !svc->count) return 0;
  __u32 slot = bpf_get_prandom_u32() % svc->count + 1;
  if (svc->flags & 0x10) slot = (bpf_get_hash_recalc(skb) % svc->count) + 1;
  key.backend_slot = slot;
  st->rev_nat_index = svc->rev_nat_index;
  struct lb4_service *be = bpf_map_lookup_elem(&lb4_services, &key);
  if (!be) return -158;
  __u32 id = be->backend_id;
  struct lb4_backend *b = bpf_map_lookup_elem(&lb4_backends, &id);
  if (!b) return -158;
  if (b->flags & 3) return -159;
  st->addr = b->address; st->backend_id = id;
  int r = l4_rewrite(skb, l4_off, t->nexthdr, t->daddr, b->address, t->dport, b->port, true);
  if (r < 0) return r;
  t->daddr = b->address; if (b->port) t->dport = b->port;
  return 1;
}
static __always_inline int encap(struct __sk_buff *skb, __u32 ep, __u32 sec) {
  struct bpf_tunnel_key key = { .tunnel_id = sec, .remote_ipv4 = bpf_htonl(ep), .tunnel_ttl = 64 };
  if (bpf_skb_set_tunnel_key(skb, &key, sizeof key, BPF_F_ZERO_CSUM_TX) < 0) return -141;
  skb->cb[4] = 0;
  return bpf_redirect(7, 0);
}
static __always_inline int deliver(struct __sk_buff *skb, struct endpoint_info *ep, void *data, void *end, bool v4, int l3) {
  if (v4) {
    struct iphdr *ip4 = data + l3;
    if ((void *)(ip4 + 1) > end) return DROP_INVALID;
    __u8 ttl = ip4->ttl; if (ttl <= 1) return -160;
    bpf_l3_csum_replace(skb, l3 + offsetof(struct iphdr, check), (__be16)ttl, (__be16)(ttl - 1), 2);
    ttl--;
    bpf_skb_store_bytes(skb, l3 + offsetof(struct iphdr, ttl), &ttl, 1, 0);
  }
  __u64 mac = ep->mac, nmac = ep->node_mac;
  if (bpf_skb_store_bytes(skb, 0, &mac, 6, 0) < 0 || bpf_skb_store_bytes(skb, 6, &nmac, 6, 0) < 0) return DROP_INVALID;
  return bpf_redirect_peer(ep->ifindex, 0);
}

SEC("tc") int tail_handle_v4(struct __sk_buff *skb) {
  void *data, *end; struct iphdr *ip4; struct ct_state st = {}; struct ipv4_ct_tuple t = {}; __be16 ports[2] = {}, proxy = 0; int r;
  if (!revalidate(skb, &data, &end, (void **)&ip4, sizeof *ip4, true)) return send_drop(skb, 0, 0, DROP_INVALID, __LINE__);
  int l4_off = ETH_HLEN + ip4->ihl * 4;
  t.nexthdr = ip4->protocol; t.daddr = ip4->daddr; t.saddr = ip4->saddr;
  if (t.nexthdr == IPPROTO_TCP || t.nexthdr == IPPROTO_UDP) {
    r = ipv4_l4_ports(skb, ip4, l4_off, ports); if (r < 0) return send_drop(skb, 0, 0, r, __LINE__);
    t.sport = ports[0]; t.dport = ports[1];
  }
  r = lb4_local(skb, &t, l4_off, &st); if (r < 0) return send_drop(skb, 0, 0, r, __LINE__);
  struct ipcache_key ik = { .prefixlen = 64, .family = 1 }; memcpy(ik.addr, &t.daddr, 4);
  struct remote_info *info = bpf_map_lookup_elem(&ipcache, &ik);
  __u32 dst_id = info ? info->sec_id : 2, tunnel = info ? info->tunnel_endpoint : 0;
  int ct = ct_lookup4(&t, skb, l4_off, DIR_EGRESS, &st);
  if (ct < 0) return send_drop(skb, 0, dst_id, ct, __LINE__);
  if (ct == CT_NEW || ct == CT_ESTABLISHED) { r = policy_can(skb, dst_id, t.dport, t.nexthdr, DIR_EGRESS, &proxy); if (r < 0) return send_drop(skb, 0, dst_id, r, __LINE__); }
  if (ct == CT_NEW) { r = ct_create4(&t, skb, DIR_EGRESS, &st); if (r < 0) return send_drop(skb, 0, dst_id, r, __LINE__); }
  if (ct == CT_REPLY && st.rev_nat_index) {
    struct lb4_reverse_nat *n = bpf_map_lookup_elem(&lb4_revnat, &st.rev_nat_index);
    if (n) { r = l4_rewrite(skb, l4_off, t.nexthdr, t.saddr, n->address, t.sport, n->port, false); if (r < 0) return send_drop(skb, 0, dst_id, r, __LINE__); }
  }
  if (proxy) { skb->mark = 0x200 | (__u32)proxy << 16; return TC_ACT_OK; }
  if (!revalidate(skb, &data, &end, (void **)&ip4, sizeof *ip4, false)) return send_drop(skb, 0, 0, DROP_INVALID, __LINE__);
  struct endpoint_key ek = { .family = 1, .ip4 = ip4->daddr };
  struct endpoint_info *ep = bpf_map_lookup_elem(&endpoints, &ek);
  if (ep) { r = deliver(skb, ep, data, end, true, ETH_HLEN); return r < 0 ? send_drop(skb, 0, dst_id, r, __LINE__) : r; }
  if (tunnel) { r = encap(skb, tunnel, ENDPOINT_ID); return r < 0 ? send_drop(skb, 0, dst_id, r, __LINE__) : r; }
  struct bpf_fib_lookup fib = { .family = 2, .ifindex = skb->ingress_ifindex, .ipv4_src = ip4->saddr, .ipv4_dst = ip4->daddr, .tot_len = bpf_ntohs(ip4->tot_len), .l4_protocol = ip4->protocol };
  r = bpf_fib_lookup(skb, &fib, sizeof fib, 0);
  if (r == 0) { if (bpf_skb_store_bytes(skb, 0, fib.dmac, 6, 0) || bpf_skb_store_bytes(skb, 6, fib.smac, 6, 0)) return send_drop(skb, 0, dst_id, DROP_INVALID, __LINE__); return bpf_redirect(fib.ifindex, 0); }
  if (r == 7) return bpf_redirect_neigh(fib.ifindex, 0, 0, 0);
  return TC_ACT_OK;
}

static __always_inline int ipv6_hdrlen(struct __sk_buff *skb, __u8 *nexthdr) {
  int len = sizeof(struct ipv6hdr); __u8 nh = *nexthdr;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    struct { __u8 nexthdr, hdrlen; } opt;
    switch (nh) {
    case 59: return DROP_INVALID;
    case 44: return DROP_FRAG;
    case 0: case 43: case 51: case 60:
      if (bpf_skb_load_bytes(skb, ETH_HLEN + len, &opt, sizeof opt) < 0) return DROP_INVALID;
      len += nh == 51 ? (opt.hdrlen + 2) << 2 : (opt.hdrlen + 1) << 3; nh = opt.nexthdr; break;
    default: *nexthdr = nh; return len;
    }
  }
  return DROP_INVALID;
}
SEC("tc") int tail_handle_v6(struct __sk_buff *skb) {
  void *data, *end; struct ipv6hdr *ip6; struct ipv6_ct_tuple t = {}; struct ct_state st = {}; __be16 proxy = 0;
  if (!revalidate(skb, &data, &end, (void **)&ip6, sizeof *ip6, true)) return send_drop(skb, 0, 0, DROP_INVALID, __LINE__);
  t.nexthdr = ip6->nexthdr; t.saddr = ip6->saddr; t.daddr = ip6->daddr;
  int hl = ipv6_hdrlen(skb, &t.nexthdr);
  if (hl < 0) return send_drop(skb, 0, 0, hl, __LINE__);
  int l4 = ETH_HLEN + hl; __u8 flags = 0;
  switch (t.nexthdr) {
  case IPPROTO_ICMPV6: { __u8 type; if (bpf_skb_load_bytes(skb, l4, &type, 1) < 0) return send_drop(skb, 0, 0, DROP_INVALID, __LINE__); if (type >= 133 && type <= 137) return TC_ACT_OK; t.dport = type; break; }
  case IPPROTO_TCP: if (bpf_skb_load_bytes(skb, l4 + 13, &flags, 1) < 0) return send_drop(skb, 0, 0, DROP_CT, __LINE__); /* fall through */
  case IPPROTO_UDP: { __be16 p[2]; if (bpf_skb_load_bytes(skb, l4, p, 4) < 0) return send_drop(skb, 0, 0, DROP_CT, __LINE__); t.sport = p[0]; t.dport = p[1]; break; }
  default: return send_drop(skb, 0, 0, DROP_CT, __LINE__);
  }
  struct ipcache_key ik = { .prefixlen = 160, .family = 2 }; memcpy(ik.addr, &t.daddr, 16);
  struct remote_info *info = bpf_map_lookup_elem(&ipcache, &ik);
  __u32 id = info ? info->sec_id : 2;
  if (!ct_lookup(&ct6, &t, skb, DIR_EGRESS, t.nexthdr == IPPROTO_TCP, flags, &st)) {
    int r = policy_can(skb, id, t.dport, t.nexthdr, DIR_EGRESS, &proxy); if (r < 0) return send_drop(skb, 0, id, r, __LINE__);
    struct ct_entry e = { .lifetime = now_sec() + 60, .tx_packets = 1, .tx_bytes = skb->len, .src_sec_id = id };
    if (bpf_map_update_elem(&ct6, &t, &e, 0) < 0) return send_drop(skb, 0, id, DROP_CT, __LINE__);
  }
  if (!revalidate(skb, &data, &end, (void **)&ip6, sizeof *ip6, false)) return send_drop(skb, 0, id, DROP_INVALID, __LINE__);
  if (ip6->hop_limit <= 1) return send_drop(skb, 0, id, -160, __LINE__);
  ip6->hop_limit--;
  struct endpoint_key ek = { .family = 2, .ip6 = ip6->daddr };
  struct endpoint_info *ep = bpf_map_lookup_elem(&endpoints, &ek);
  if (ep) { int r = deliver(skb, ep, data, end, false, ETH_HLEN); return r < 0 ? send_drop(skb, 0, id, r, __LINE__) : r; }
  if (info && info->tunnel_endpoint) return encap(skb, info->tunnel_endpoint, ENDPOINT_ID);
  return TC_ACT_OK;
}
struct arp_eth { unsigned char sha[6]; __be32 sip; unsigned char tha[6]; __be32 tip; } __attribute__((packed));
struct arph { __be16 hrd, pro; __u8 hln, pln; __be16 op; };
SEC("tc") int tail_handle_arp(struct __sk_buff *skb) {
  void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
  struct ethhdr *eth = data; struct arph *arp = data + ETH_HLEN; struct arp_eth *ae = (void *)(arp + 1);
  if ((void *)(ae + 1) > end) return TC_ACT_OK;
  if (arp->op != bpf_htons(1) || arp->hrd != bpf_htons(1)) return TC_ACT_OK;
  unsigned char mac[6] = { 2, 0, 0, 0, 0, 9 }, smac[6]; memcpy(smac, eth->h_source, 6);
  __be32 sip = ae->sip, tip = ae->tip; __be16 op = bpf_htons(2);
  if (bpf_skb_store_bytes(skb, 0, smac, 6, 0) || bpf_skb_store_bytes(skb, 6, mac, 6, 0) || bpf_skb_store_bytes(skb, 20, &op, 2, 0) ||
      bpf_skb_store_bytes(skb, 22, mac, 6, 0) || bpf_skb_store_bytes(skb, 28, &tip, 4, 0) || bpf_skb_store_bytes(skb, 32, smac, 6, 0) || bpf_skb_store_bytes(skb, 38, &sip, 4, 0))
    return send_drop(skb, 0, 0, DROP_INVALID, __LINE__);
  return bpf_redirect(skb->ingress_ifindex, 0);
}
SEC("tc") int from_container(struct __sk_buff *skb) {
  int r = DROP_UNKNOWN_L3;
  skb->cb[CB_SRC] = ENDPOINT_ID; skb->cb[CB_NAT] = 0;
  if (skb->vlan_present) return TC_ACT_OK;
  switch (skb->protocol) {
  case bpf_htons(ETH_P_IP): bpf_tail_call(skb, &calls, CALL_V4); r = DROP_MISSED_TAIL; break;
  case bpf_htons(ETH_P_IPV6): bpf_tail_call(skb, &calls, CALL_V6); r = DROP_MISSED_TAIL; break;
  case bpf_htons(ETH_P_ARP): bpf_tail_call(skb, &calls, CALL_ARP); r = DROP_MISSED_TAIL; break;
  }
  return send_drop(skb, ENDPOINT_ID, 0, r, __LINE__);
}
char _license[] SEC("license") = "GPL";
