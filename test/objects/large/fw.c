/* An XDP firewall: VLAN and tunnel layers, rule lists, rate limits, TLS server names, SYN cookies, redirection. */
#include "common.h"
#define MAX_RULES 64
#define MAX_NAME 128
struct vlan { __be16 tci, proto; };
struct meta { __u64 ns; __u32 l3_off, l4_off, payload_off, hash; __be16 l3; __be16 sport, dport; __u8 l4, ttl, tcp_flags, frag; union { __be32 v4[2]; __be32 v6[8]; } addr; };
struct rule { __be32 src, smask, dst, dmask; __u16 lo, hi; __u8 proto, action, log, on; __u32 rate; };
struct rules { __u32 n; struct rule r[MAX_RULES]; };
struct bucket { struct bpf_spin_lock lock; __u32 rate; __u64 last, tokens; };
struct name { __u8 len; char s[MAX_NAME]; };
struct dns { __be16 id, flags, qd, an, ns, ar; };
struct hit { __u64 pkts, bytes; };
struct lpm4 { __u32 len; __be32 a; };
struct lpm6 { __u32 len; __be32 a[4]; };
MAP(rulesets, BPF_MAP_TYPE_ARRAY, __u32, struct rules, 4);
MAP(buckets, BPF_MAP_TYPE_HASH, __u32, struct bucket, 65536);
MAP(names, BPF_MAP_TYPE_HASH, struct name, __u32, 1024);
MAP(tmp, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct name, 2);
MAP(hits, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct hit, 512);
struct { __uint(type, BPF_MAP_TYPE_LPM_TRIE); __type(key, struct lpm4); __type(value, __u64); __uint(max_entries, 65536); __uint(map_flags, BPF_F_NO_PREALLOC); } block4 SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_LPM_TRIE); __type(key, struct lpm6); __type(value, __u64); __uint(max_entries, 65536); __uint(map_flags, BPF_F_NO_PREALLOC); } block6 SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_DEVMAP_HASH); __uint(key_size, 4); __uint(value_size, 8); __uint(max_entries, 64); } devs SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_CPUMAP); __uint(key_size, 4); __uint(value_size, 8); __uint(max_entries, 2); } cpus SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_XSKMAP); __uint(key_size, 4); __uint(value_size, 4); __uint(max_entries, 64); } xsks SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_BLOOM_FILTER); __uint(key_size, 0); __uint(value_size, 4); __uint(max_entries, 1000); __uint(map_extra, 3); } seen SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_QUEUE); __uint(key_size, 0); __uint(value_size, 8); __uint(max_entries, 1000); } work SEC(".maps");
const volatile __u32 mode = 3, max_depth = 8;
const volatile __u64 default_rate = 1000;
volatile __u64 dropped;
static const __u8 weights[16] = { 1, 2, 4, 8, 16, 32, 64, 128, 1, 1, 2, 3, 5, 8, 13, 21 };

static __noinline int count(__u32 i, __u64 bytes) { struct hit *h = bpf_map_lookup_elem(&hits, &i); if (!h) return -1; h->pkts++; h->bytes += bytes; return 0; }
static __always_inline int layers(struct xdp_md *x, struct meta *m) {
  void *d = (void *)(long)x->data, *e = (void *)(long)x->data_end, *p = d; struct ethhdr *eth = p; if (p + sizeof *eth > e) return -1; p += sizeof *eth; m->l3 = eth->h_proto;
#pragma unroll
  for (int i = 0; i < 4; i++) { if (m->l3 != bpf_htons(ETH_P_8021Q) && m->l3 != bpf_htons(ETH_P_8021AD)) break; struct vlan *v = p; if (p + sizeof *v > e) return -1; m->l3 = v->proto; p += sizeof *v; }
  m->l3_off = p - d;
  if (m->l3 == bpf_htons(ETH_P_IP)) { struct iphdr *ip = p; if (p + sizeof *ip > e) return -1; __u32 hl = ip->ihl * 4; if (hl < 20) return -1; m->addr.v4[0] = ip->saddr; m->addr.v4[1] = ip->daddr; m->l4 = ip->protocol; m->ttl = ip->ttl; m->frag = (ip->frag_off & bpf_htons(0x1fff)) != 0; p += hl; }
  else if (m->l3 == bpf_htons(ETH_P_IPV6)) { struct ipv6hdr *h = p; if (p + sizeof *h > e) return -1; __builtin_memcpy(m->addr.v6, &h->saddr, 32); m->l4 = h->nexthdr; m->ttl = h->hop_limit; p += sizeof *h;
    for (int i = 0; i < 6; i++) { struct { __u8 next, len; } *o = p; if (m->l4 != 0 && m->l4 != 43 && m->l4 != 60 && m->l4 != 44) break; if (p + 8 > e) return -1; if (m->l4 == 44) { m->frag = 1; p += 8; } else p += (o->len + 1) * 8; m->l4 = o->next; } }
  else return 1;
  m->l4_off = p - d; if (m->frag) return 0;
  if (m->l4 == IPPROTO_TCP) { struct tcphdr *t = p; if (p + sizeof *t > e) return -1; m->sport = t->source; m->dport = t->dest; m->tcp_flags = ((__u8 *)t)[13]; __u32 hl = t->doff * 4; if (hl < 20) return -1; m->payload_off = m->l4_off + hl; }
  else if (m->l4 == IPPROTO_UDP) { struct udphdr *u = p; if (p + sizeof *u > e) return -1; m->sport = u->source; m->dport = u->dest; m->payload_off = m->l4_off + 8; }
  return 0;
}
static __noinline int match(struct rules *rs, struct meta *m, __u64 len) {
  if (!rs || !m) return -1;
  for (int i = 0; i < MAX_RULES; i++) {
    if (i >= rs->n) break; struct rule *r = &rs->r[i]; if (!r->on) continue; if (r->proto && r->proto != m->l4) continue;
    if ((m->addr.v4[0] & r->smask) != r->src || (m->addr.v4[1] & r->dmask) != r->dst) continue;
    __u16 port = bpf_ntohs(m->dport); if (port < r->lo || port > r->hi) continue; count(i, len); return r->action | r->log << 8;
  }
  return -1;
}
static __always_inline bool limited(__u32 key, __u32 cost) {
  struct bucket *b = bpf_map_lookup_elem(&buckets, &key); __u64 now = bpf_ktime_get_ns();
  if (!b) { struct bucket n = { .rate = default_rate, .last = now, .tokens = default_rate }; bpf_map_update_elem(&buckets, &key, &n, BPF_NOEXIST); return false; }
  bool over = false; bpf_spin_lock(&b->lock); __u64 add = (now - b->last) * b->rate / 1000000000; if (add) { b->tokens += add; if (b->tokens > b->rate) b->tokens = b->rate; b->last = now; } if (b->tokens < cost) over = true; else b->tokens -= cost; bpf_spin_unlock(&b->lock); return over;
}
static __always_inline int sni(void *p, void *e, struct name *n) {
  __u8 *b = p; if ((void *)(b + 44) > e || b[0] != 22 || b[5] != 1) return -1; b += 43; __u32 sid = *b & 0x3f; b += 1 + sid; if ((void *)(b + 2) > e) return -1; __u32 cs = bpf_ntohs(*(__u16 *)b) & 0x1ff; b += 2 + cs; if ((void *)(b + 3) > e) return -1; __u32 cm = *b & 0xf; b += 1 + cm; b += 2;
  for (int i = 0; i < 16; i++) {
    if ((void *)(b + 9) > e) return -1; __u16 type = bpf_ntohs(*(__u16 *)b), len = bpf_ntohs(*(__u16 *)(b + 2)) & 0x3ff;
    if (type == 0) { __u32 nl = bpf_ntohs(*(__u16 *)(b + 7)); if (nl > MAX_NAME - 1) return -1; b += 9; for (__u32 j = 0; j < MAX_NAME - 1; j++) { if (j >= nl) break; if ((void *)(b + j + 1) > e) return -1; n->s[j] = b[j]; } n->len = nl; return 0; }
    b += 4 + len;
  }
  return -1;
}
SEC("xdp") int firewall(struct xdp_md *x) {
  struct meta m = {}; int r = layers(x, &m); __u64 len = x->data_end - x->data; if (r < 0) return XDP_DROP; if (r > 0) return XDP_PASS;
  if (m.l3 == bpf_htons(ETH_P_IP)) { struct lpm4 k = { 32, m.addr.v4[0] }; __u64 *v = bpf_map_lookup_elem(&block4, &k); if (v) { __sync_fetch_and_add(v, 1); dropped++; return XDP_DROP; } }
  else { struct lpm6 k = { 128 }; __builtin_memcpy(k.a, m.addr.v6, 16); __u64 *v = bpf_map_lookup_elem(&block6, &k); if (v) { __sync_fetch_and_add(v, 1); dropped++; return XDP_DROP; } }
  __u32 set = m.l4 == IPPROTO_TCP ? 0 : 1; struct rules *rs = bpf_map_lookup_elem(&rulesets, &set); r = match(rs, &m, len); if (r >= 0 && (r & 0xff) == 0) return XDP_DROP;
  __u32 w = weights[m.ttl & 15]; if (limited(m.addr.v4[0], w)) return XDP_DROP;
  if (bpf_map_peek_elem(&seen, &m.addr.v4[0])) bpf_map_push_elem(&seen, &m.addr.v4[0], 0);
  return XDP_PASS;
}
SEC("xdp.frags") int tls_filter(struct xdp_md *x) {
  struct meta m = {}; __u32 one = 1; if (layers(x, &m) || m.l4 != IPPROTO_TCP || m.dport != bpf_htons(443)) return XDP_PASS; void *d = (void *)(long)x->data, *e = (void *)(long)x->data_end; if (m.payload_off > 200 || !m.payload_off) return XDP_PASS;
  struct name *n = bpf_map_lookup_elem(&tmp, &one); if (!n) return XDP_PASS; __builtin_memset(n, 0, sizeof *n); if (sni(d + m.payload_off, e, n)) return XDP_PASS; __u32 *act = bpf_map_lookup_elem(&names, n); return act && *act ? XDP_DROP : XDP_PASS;
}
SEC("xdp") int synproxy(struct xdp_md *x) {
  struct meta m = {}; if (layers(x, &m) || m.l4 != IPPROTO_TCP || m.l3 != bpf_htons(ETH_P_IP)) return XDP_PASS; void *d = (void *)(long)x->data, *e = (void *)(long)x->data_end; if (m.l3_off > 64 || m.l4_off > 128) return XDP_DROP;
  struct iphdr *ip = d + m.l3_off; struct tcphdr *t = d + m.l4_off; if ((void *)(ip + 1) > e || (void *)(t + 1) > e) return XDP_DROP;
  if ((m.tcp_flags & 0x12) == 0x02) { struct bpf_sock_tuple tu = { .ipv4 = { ip->saddr, ip->daddr, t->source, t->dest } }; struct bpf_sock *sk = bpf_skc_lookup_tcp(x, &tu, sizeof tu.ipv4, BPF_F_CURRENT_NETNS, 0); if (!sk) return XDP_DROP; int st = sk->state; __s64 ck = bpf_tcp_gen_syncookie(sk, ip, 20, t, sizeof *t); bpf_sk_release(sk); if (st != 10 || ck < 0) return XDP_PASS;
    d = (void *)(long)x->data; e = (void *)(long)x->data_end; t = d + m.l4_off; ip = d + m.l3_off; if ((void *)(t + 1) > e || (void *)(ip + 1) > e) return XDP_DROP; t->ack_seq = bpf_htonl(bpf_ntohl(t->seq) + 1); t->seq = bpf_htonl((__u32)ck); __be16 p = t->source; t->source = t->dest; t->dest = p; __be32 a = ip->saddr; ip->saddr = ip->daddr; ip->daddr = a; t->check = 0; __u32 s = bpf_csum_diff(0, 0, (void *)t, sizeof *t, 0); s = bpf_csum_diff(0, 0, &ip->saddr, 8, s); t->check = ~((s & 0xffff) + (s >> 16)); return XDP_TX; }
  if ((m.tcp_flags & 0x10) && bpf_tcp_raw_check_syncookie_ipv4(ip, t) == 0) return XDP_PASS; return XDP_DROP;
}
SEC("xdp") int redirect(struct xdp_md *x) {
  void *d = (void *)(long)x->data, *e = (void *)(long)x->data_end; struct ethhdr *eth = d; struct iphdr *ip = (void *)(eth + 1); if ((void *)(ip + 1) > e) return XDP_PASS; if (eth->h_proto != bpf_htons(ETH_P_IP)) return bpf_redirect_map(&xsks, x->rx_queue_index, XDP_PASS); if (ip->ttl <= 1) return XDP_PASS;
  struct bpf_fib_lookup f = { .family = 2, .tos = ip->tos, .l4_protocol = ip->protocol, .tot_len = bpf_ntohs(ip->tot_len), .ipv4_src = ip->saddr, .ipv4_dst = ip->daddr, .ifindex = x->ingress_ifindex }; long rc = bpf_fib_lookup(x, &f, sizeof f, 0); __u32 mtu = 0; if (bpf_check_mtu(x, f.ifindex, &mtu, 0, 0)) return XDP_DROP;
  switch (rc) { case 0: { __u32 c = ip->check; c += bpf_htons(0x100); ip->check = c + (c >= 0xffff); ip->ttl--; __builtin_memcpy(eth->h_dest, f.dmac, 6); __builtin_memcpy(eth->h_source, f.smac, 6); return bpf_redirect_map(&devs, f.ifindex, 0); } case 1: case 2: case 3: return XDP_DROP; default: { __u64 w = f.ipv4_dst; bpf_map_push_elem(&work, &w, BPF_EXIST); return bpf_redirect_map(&cpus, bpf_get_smp_processor_id() & 1, XDP_PASS); } }
}
SEC("xdp") int decap(struct xdp_md *x) {
  struct meta m = {}; if (layers(x, &m)) return XDP_PASS; if (m.l4 == 4 && m.l3_off == 14 && m.l4_off == 34) { struct ethhdr save; void *d = (void *)(long)x->data, *e = (void *)(long)x->data_end; if (d + 34 + 20 > e) return XDP_DROP; __builtin_memcpy(&save, d, 14); if (bpf_xdp_adjust_head(x, 20)) return XDP_ABORTED; d = (void *)(long)x->data; e = (void *)(long)x->data_end; if (d + 14 > e) return XDP_ABORTED; __builtin_memcpy(d, &save, 14); }
  if (bpf_xdp_adjust_meta(x, -8) == 0) { __u32 *md = (void *)(long)x->data_meta; void *d = (void *)(long)x->data; if ((void *)(md + 2) > d) return XDP_ABORTED; md[0] = m.hash; md[1] = mode; }
  __u8 tail[16]; if (bpf_xdp_load_bytes(x, bpf_xdp_get_buff_len(x) - 16, tail, sizeof tail) == 0 && tail[15] == 0xff) { bpf_xdp_adjust_tail(x, -16); tail[0] ^= 1; bpf_xdp_store_bytes(x, 0, tail, 1); } return XDP_PASS;
}
char _license[] SEC("license") = "GPL";
