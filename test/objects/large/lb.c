/* An XDP load balancer: consistent-hash ring, connection cache per CPU, IP-in-IP and GUE encapsulation, ICMP too big, QUIC ids. */
#include "common.h"
#define RING 65537
#define MAX_VIPS 512
#define F_HASH_NO_SRC_PORT 1
#define F_LRU_BYPASS 2
#define F_QUIC 4
#define F_HASH_DPORT 8
#define F_LOCAL 32
struct flow_key { union { __be32 src; __be32 srcv6[4]; }; union { __be32 dst; __be32 dstv6[4]; }; union { __u32 ports; __u16 port16[2]; }; __u8 proto; };
struct packet_desc { struct flow_key flow; __u32 real_index; __u8 flags, tos; };
struct vip_def { union { __be32 vip; __be32 vipv6[4]; }; __u16 port; __u8 proto; };
struct vip_meta { __u32 flags, vip_num; };
struct real { union { __be32 dst; __be32 dstv6[4]; }; __u8 flags; };
struct lru_real { __u32 pos; __u64 atime; };
struct stat { __u64 v1, v2; };
struct ctl { union { __u64 value; __u32 ifindex; __u8 mac[8]; }; };
MAP(vip_map, BPF_MAP_TYPE_HASH, struct vip_def, struct vip_meta, MAX_VIPS);
MAP(ch_rings, BPF_MAP_TYPE_ARRAY, __u32, __u32, 655370);
MAP(reals, BPF_MAP_TYPE_ARRAY, __u32, struct real, 4096);
MAP(stats, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct stat, 1024);
MAP(reals_stats, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct stat, 4096);
MAP(ctl_array, BPF_MAP_TYPE_ARRAY, __u32, struct ctl, 16);
MAP(server_ids, BPF_MAP_TYPE_ARRAY, __u32, __u32, 65536);
MAP(fallback_cache, BPF_MAP_TYPE_LRU_HASH, struct flow_key, struct lru_real, 1000);
struct inner_lru { __uint(type, BPF_MAP_TYPE_LRU_HASH); __type(key, struct flow_key); __type(value, struct lru_real); __uint(max_entries, 1000); };
struct { __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __type(key, __u32); __uint(max_entries, 128); __array(values, struct inner_lru); } lru_mapping SEC(".maps");

#define JHASH_INIT 0xdeadbeef
#define rol32(w, s) ((w << s) | (w >> ((-s) & 31)))
#define jmix(a, b, c) { a -= c; a ^= rol32(c, 4); c += b; b -= a; b ^= rol32(a, 6); a += c; c -= b; c ^= rol32(b, 8); b += a; a -= c; a ^= rol32(c, 16); c += b; b -= a; b ^= rol32(a, 19); a += c; c -= b; c ^= rol32(b, 4); b += a; }
#define jfinal(a, b, c) { c ^= b; c -= rol32(b, 14); a ^= c; a -= rol32(c, 11); b ^= a; b -= rol32(a, 25); c ^= b; c -= rol32(b, 16); a ^= c; a -= rol32(c, 4); b ^= a; b -= rol32(a, 14); c ^= b; c -= rol32(b, 24); }
static __always_inline __u32 jhash2(const __u32 *k, __u32 n, __u32 iv) { __u32 a, b, c; a = b = c = JHASH_INIT + (n << 2) + iv; while (n > 3) { a += k[0]; b += k[1]; c += k[2]; jmix(a, b, c); n -= 3; k += 3; } switch (n) { case 3: c += k[2]; case 2: b += k[1]; case 1: a += k[0]; jfinal(a, b, c); } return c; }
static __always_inline __u32 jhash_2words(__u32 a, __u32 b, __u32 iv) { __u32 c = iv + JHASH_INIT + 8; a += c; b += c; jfinal(a, b, c); return c; }
static __always_inline __u32 pkt_hash(struct packet_desc *p, bool v6) { return v6 ? jhash_2words(jhash2(p->flow.srcv6, 4, MAX_VIPS), p->flow.ports, 0) : jhash_2words(p->flow.src, p->flow.ports, 0); }
static __always_inline __u16 csum_fold(__u64 c) {
#pragma unroll
  for (int i = 0; i < 4; i++) if (c >> 16) c = (c & 0xffff) + (c >> 16);
  return ~c;
}
static __always_inline void ipv4_csum(void *p, int n, __u64 *c) { __u16 *w = p;
#pragma unroll
  for (int i = 0; i < (int)sizeof(struct iphdr) >> 1; i++) *c += *w++;
  *c = csum_fold(*c); }
static __always_inline bool under_flood(__u64 *now) {
  __u32 key = MAX_VIPS + 1; struct stat *s = bpf_map_lookup_elem(&stats, &key); if (!s) return true;
  *now = bpf_ktime_get_ns(); if (*now - s->v2 > 1000000000ull) { s->v1 = 1; s->v2 = *now; } else { s->v1++; if (s->v1 > 125000) return true; }
  return false;
}
static __always_inline bool get_dst(struct real **r, struct packet_desc *p, struct vip_meta *v, bool v6, void *lru) {
  struct lru_real nl = {}; bool flood = false, src = false; __u32 hash, key; __u64 now = 0;
  if (!(v->flags & F_LRU_BYPASS)) {
    struct lru_real *d = bpf_map_lookup_elem(lru, &p->flow);
    if (d && !(p->flags & 2)) { if (p->flow.proto == IPPROTO_UDP) { now = bpf_ktime_get_ns(); if (now - d->atime > 30000000000ull) goto miss; d->atime = now; } key = d->pos; p->real_index = key; *r = bpf_map_lookup_elem(&reals, &key); if (*r) return true; }
  }
miss:
  flood = under_flood(&now);
  if (v->flags & F_HASH_NO_SRC_PORT) p->flow.port16[0] = 0;
  if (v->flags & F_HASH_DPORT) { p->flow.port16[0] = p->flow.port16[1]; memset(p->flow.srcv6, 0, 16); }
  hash = pkt_hash(p, v6) % RING;
  key = RING * v->vip_num + hash;
  __u32 *pos = bpf_map_lookup_elem(&ch_rings, &key); if (!pos) return false;
  key = *pos; if (key == 0) { __u32 k = MAX_VIPS + 3; struct stat *s = bpf_map_lookup_elem(&stats, &k); if (s) s->v1++; return false; }
  p->real_index = key; *r = bpf_map_lookup_elem(&reals, &key); if (!*r) return false;
  if (!(v->flags & F_LRU_BYPASS) && !flood) { if (p->flow.proto == IPPROTO_UDP) nl.atime = now; nl.pos = key; bpf_map_update_elem(lru, &p->flow, &nl, 0); }
  return src || true;
}
static __always_inline int l3_v6(struct packet_desc *p, __u8 *proto, __u64 off, __u16 *len, void *data, void *end) {
  struct ipv6hdr *h = data + off; if ((void *)(h + 1) > end) return XDP_DROP;
  *proto = p->flow.proto = h->nexthdr; p->tos = (h->priority << 4) & 0xF0; p->tos |= (h->flow_lbl[0] >> 4) & 0x0F; *len = bpf_ntohs(h->payload_len);
  if (h->nexthdr == 44) return XDP_DROP;
  if (h->nexthdr == IPPROTO_ICMPV6) { struct icmp6hdr *i = data + off + 40; if ((void *)(i + 1) > end) return XDP_DROP; if (i->icmp6_type == ICMPV6_ECHO_REQUEST) return XDP_TX; if (i->icmp6_type != ICMPV6_PKT_TOOBIG && i->icmp6_type != ICMPV6_DEST_UNREACH) return XDP_PASS;
    struct ipv6hdr *in = data + off + 48; if ((void *)(in + 1) > end) return XDP_DROP; p->flow.proto = *proto = in->nexthdr; p->flags |= 1; memcpy(p->flow.srcv6, in->daddr.s6_addr32, 16); memcpy(p->flow.dstv6, in->saddr.s6_addr32, 16); }
  else { memcpy(p->flow.srcv6, h->saddr.s6_addr32, 16); memcpy(p->flow.dstv6, h->daddr.s6_addr32, 16); }
  return -1;
}
static __always_inline int l3_v4(struct packet_desc *p, __u8 *proto, __u64 off, __u16 *len, void *data, void *end) {
  struct iphdr *h = data + off; if ((void *)(h + 1) > end) return XDP_DROP;
  if (h->ihl != 5) return XDP_DROP;
  p->tos = h->tos; *proto = p->flow.proto = h->protocol; *len = bpf_ntohs(h->tot_len);
  if (h->frag_off & bpf_htons(65343)) return XDP_DROP;
  if (*proto == IPPROTO_ICMP) { struct icmphdr *i = data + off + 20; if ((void *)(i + 1) > end) return XDP_DROP; if (i->type == ICMP_ECHO) return XDP_TX; if (i->type != ICMP_DEST_UNREACH) return XDP_PASS; struct iphdr *in = data + off + 28; if ((void *)(in + 1) > end) return XDP_DROP; if (in->ihl != 5) return XDP_DROP; p->flow.proto = *proto = in->protocol; p->flags |= 1; p->flow.src = in->daddr; p->flow.dst = in->saddr; }
  else { p->flow.src = h->saddr; p->flow.dst = h->daddr; }
  return -1;
}
static __always_inline __u64 l4_off(bool v6, struct packet_desc *p) { __u64 o = sizeof(struct ethhdr); if (v6) { o += 40; if (p->flags & 1) o += 48; } else { o += 20; if (p->flags & 1) o += 28; } return o; }
static __always_inline bool parse_ports(void *data, void *end, bool v6, struct packet_desc *p) {
  __u64 o = l4_off(v6, p);
  if (p->flow.proto == IPPROTO_TCP) { struct tcphdr *t = data + o; if ((void *)(t + 1) > end) return false; if (t->syn) p->flags |= 2; if (!(p->flags & 1)) { p->flow.port16[0] = t->source; p->flow.port16[1] = t->dest; } else { p->flow.port16[0] = t->dest; p->flow.port16[1] = t->source; } return true; }
  if (p->flow.proto == IPPROTO_UDP) { struct udphdr *u = data + o; if ((void *)(u + 1) > end) return false; if (!(p->flags & 1)) { p->flow.port16[0] = u->source; p->flow.port16[1] = u->dest; } else { p->flow.port16[0] = u->dest; p->flow.port16[1] = u->source; } return true; }
  return false;
}
static __always_inline int quic_id(void *data, void *end, bool v6, struct packet_desc *p) {
  __u64 o = l4_off(v6, p) + sizeof(struct udphdr); __u8 *q = data + o, *cid;
  if ((void *)(q + 1) > end) return 0;
  if (*q & 0x80) { if ((void *)(q + 14) > end) return 0; if ((*q & 0x30) < 0x20) return 0; if (q[5] < 8) return 0; cid = q + 6; }
  else { if ((void *)(q + 9) > end) return 0; cid = q + 1; }
  __u8 ver = cid[0] >> 6;
  if (ver == 1) return ((cid[0] & 0x3f) << 10) | (cid[1] << 2) | (cid[2] >> 6);
  if (ver == 2) return (cid[1] << 16) | (cid[2] << 8) | cid[3];
  return -1;
}
static __always_inline bool encap_v4(struct xdp_md *x, struct ctl *c, struct packet_desc *p, struct real *d, __u32 bytes) {
  __u64 csum = 0; __u32 ips = bpf_htonl(0xac100000) ^ (p->flow.port16[0] << 16) ^ p->flow.src;
  if (bpf_xdp_adjust_head(x, 0 - (int)sizeof(struct iphdr))) return false;
  void *data = (void *)(long)x->data, *end = (void *)(long)x->data_end;
  struct ethhdr *n = data, *o = data + sizeof(struct iphdr); struct iphdr *ip = data + sizeof(struct ethhdr);
  if ((void *)(n + 1) > end || (void *)(o + 1) > end || (void *)(ip + 1) > end) return false;
  memcpy(n->h_dest, c->mac, 6); memcpy(n->h_source, o->h_dest, 6); n->h_proto = bpf_htons(ETH_P_IP);
  ip->version = 4; ip->ihl = 5; ip->frag_off = 0; ip->protocol = IPPROTO_IPIP; ip->check = 0; ip->tos = p->tos; ip->tot_len = bpf_htons(bytes + sizeof *ip); ip->daddr = d->dst; ip->saddr = ips; ip->ttl = 64; ip->id = 0;
  ipv4_csum(ip, sizeof *ip, &csum); ip->check = csum;
  return true;
}
static __always_inline bool encap_v6(struct xdp_md *x, struct ctl *c, bool v6, struct packet_desc *p, struct real *d, __u32 bytes) {
  if (bpf_xdp_adjust_head(x, 0 - (int)sizeof(struct ipv6hdr))) return false;
  void *data = (void *)(long)x->data, *end = (void *)(long)x->data_end;
  struct ethhdr *n = data, *o = data + sizeof(struct ipv6hdr); struct ipv6hdr *ip = data + sizeof(struct ethhdr);
  if ((void *)(n + 1) > end || (void *)(o + 1) > end || (void *)(ip + 1) > end) return false;
  memcpy(n->h_dest, c->mac, 6); memcpy(n->h_source, o->h_dest, 6); n->h_proto = bpf_htons(ETH_P_IPV6);
  __u32 suffix = v6 ? p->flow.srcv6[3] ^ p->flow.port16[0] : p->flow.src ^ p->flow.port16[0];
  ip->version = 6; ip->priority = p->tos >> 4; memset(ip->flow_lbl, 0, 3); ip->nexthdr = v6 ? IPPROTO_IPV6 : IPPROTO_IPIP; ip->hop_limit = 64; ip->payload_len = bpf_htons(bytes + (v6 ? 40 : 0));
  ip->saddr.s6_addr32[0] = 1; ip->saddr.s6_addr32[1] = 0; ip->saddr.s6_addr32[2] = 0; ip->saddr.s6_addr32[3] = suffix; memcpy(ip->daddr.s6_addr32, d->dstv6, 16);
  return true;
}
static __always_inline int icmp_toobig(struct xdp_md *x) {
  int off = 8; if (bpf_xdp_adjust_head(x, 0 - (20 + off))) return XDP_DROP;
  void *data = (void *)(long)x->data, *end = (void *)(long)x->data_end;
  if (data + 14 + 28 + 28 + 14 > end) return XDP_DROP;
  struct ethhdr *o = data + 28, *n = data; memcpy(n->h_dest, o->h_source, 6); memcpy(n->h_source, o->h_dest, 6); n->h_proto = o->h_proto;
  struct iphdr *ip = data + 14, *orig = data + 14 + 28; struct icmphdr *ic = data + 34; __u64 c = 0;
  ic->type = ICMP_DEST_UNREACH; ic->code = ICMP_FRAG_NEEDED; ic->un.frag.mtu = bpf_htons(1480); ic->checksum = 0;
  __u16 *w = (void *)ic; for (int i = 0; i < 18; i++) c += w[i]; ic->checksum = csum_fold(c);
  ip->ttl = 64; ip->daddr = orig->saddr; ip->saddr = orig->daddr; ip->version = 4; ip->ihl = 5; ip->protocol = IPPROTO_ICMP; ip->tos = 0; ip->tot_len = bpf_htons(56); ip->check = 0; c = 0; ipv4_csum(ip, 20, &c); ip->check = c;
  return XDP_TX;
}
static __always_inline int process(struct xdp_md *x, __u64 off, bool v6) {
  void *data = (void *)(long)x->data, *end = (void *)(long)x->data_end; struct packet_desc p = {}; struct vip_def vip = {}; struct real *dst = NULL; __u8 proto; __u16 bytes; int a;
  a = v6 ? l3_v6(&p, &proto, off, &bytes, data, end) : l3_v4(&p, &proto, off, &bytes, data, end);
  if (a >= 0) return a;
  if (!parse_ports(data, end, v6, &p)) return proto == IPPROTO_TCP || proto == IPPROTO_UDP ? XDP_DROP : XDP_PASS;
  if (v6) memcpy(vip.vipv6, p.flow.dstv6, 16); else vip.vip = p.flow.dst;
  vip.port = p.flow.port16[1]; vip.proto = p.flow.proto;
  struct vip_meta *v = bpf_map_lookup_elem(&vip_map, &vip);
  if (!v) { vip.port = 0; v = bpf_map_lookup_elem(&vip_map, &vip); if (!v) return XDP_PASS; if (!(v->flags & F_HASH_DPORT)) p.flow.port16[1] = 0; }
  if (end - data > 1500) { if (!v6) return icmp_toobig(x); return XDP_DROP; }
  __u32 sk = MAX_VIPS; struct stat *s = bpf_map_lookup_elem(&stats, &sk); if (!s) return XDP_DROP; s->v1++;
  if ((v->flags & F_QUIC) && p.flow.proto == IPPROTO_UDP) {
    int id = quic_id(data, end, v6, &p);
    if (id > 0) { __u32 key = id; __u32 *pos = bpf_map_lookup_elem(&server_ids, &key); if (pos) { key = *pos; if (key) { p.real_index = key; dst = bpf_map_lookup_elem(&reals, &key); if (!dst) return XDP_DROP; } } }
  }
  if (!dst) {
    __u32 cpu = bpf_get_smp_processor_id(); void *lru = bpf_map_lookup_elem(&lru_mapping, &cpu); if (!lru) { lru = &fallback_cache; s->v2++; }
    if (!get_dst(&dst, &p, v, v6, lru)) return XDP_DROP;
  }
  __u32 ck = 0; struct ctl *c = bpf_map_lookup_elem(&ctl_array, &ck); if (!c) return XDP_DROP;
  if (dst->flags & 1) { if (!encap_v6(x, c, v6, &p, dst, bytes)) return XDP_DROP; } else if (!encap_v4(x, c, &p, dst, bytes)) return XDP_DROP;
  __u32 vn = v->vip_num; s = bpf_map_lookup_elem(&stats, &vn); if (!s) return XDP_DROP; s->v1++; s->v2 += bytes;
  s = bpf_map_lookup_elem(&reals_stats, &p.real_index); if (!s) return XDP_DROP; s->v1++; s->v2 += bytes;
  return v->flags & F_LOCAL ? XDP_PASS : XDP_TX;
}
SEC("xdp") int balancer_ingress(struct xdp_md *x) {
  void *data = (void *)(long)x->data, *end = (void *)(long)x->data_end; struct ethhdr *eth = data; __u32 off = sizeof *eth;
  if (data + off > end) return XDP_DROP;
  if (eth->h_proto == bpf_htons(ETH_P_IP)) return process(x, off, false);
  if (eth->h_proto == bpf_htons(ETH_P_IPV6)) return process(x, off, true);
  return XDP_PASS;
}
SEC("tc") int healthcheck_encap(struct __sk_buff *skb) {
  __u32 key = skb->mark; if (!key) return TC_ACT_UNSPEC;
  struct real *r = bpf_map_lookup_elem(&reals, &key); if (!r) return TC_ACT_UNSPEC;
  if (skb->len > 1400) return TC_ACT_SHOT;
  struct bpf_tunnel_key tk = {}; int flags = 0;
  tk.tunnel_ttl = 64; skb->mark = 0;
  if (r->flags & 1) { flags |= BPF_F_TUNINFO_IPV6; memcpy(tk.remote_ipv6, r->dstv6, 16); } else tk.remote_ipv4 = bpf_ntohl(r->dst);
  bpf_skb_set_tunnel_key(skb, &tk, sizeof tk, flags);
  return bpf_redirect(key & 0xff, 0);
}
char _license[] SEC("license") = "GPL";
