/* A socket policy agent: addresses rewritten at connect, options, devices, sysctls, TCP events, redirection between sockets, steering. */
#include "common.h"
#include <linux/if.h>
#define SOL_TCP 6
#define TCP_CONGESTION 13
#define TCP_KEEPIDLE 4
#define SOL_SOCKET 1
#define SO_MARK 36
struct svc_key { __be32 addr; __be16 port; __u8 proto, pad; };
struct backend { __be32 addr; __be16 port; __u16 weight; };
struct backends { __u32 count; struct backend b[16]; };
struct sess { __u64 cookie; __be32 addr; __u32 port; };
struct sk_key { __u32 sip, dip; __u32 sport, dport; __u32 family; };
struct flow_stat { __u64 bytes, pkts, rtt, retrans; __u32 state; };
struct per_sock { __u64 created, last; __u32 flags; struct bpf_spin_lock lock; __u64 tokens; };
MAP(services, BPF_MAP_TYPE_HASH, struct svc_key, struct backends, 1024);
MAP(rev, BPF_MAP_TYPE_LRU_HASH, struct sess, struct svc_key, 4096);
MAP(tcp_stats, BPF_MAP_TYPE_LRU_HASH, struct sk_key, struct flow_stat, 4096);
struct { __uint(type, BPF_MAP_TYPE_SOCKHASH); __type(key, struct sk_key); __type(value, __u64); __uint(max_entries, 65535); } sock_hash SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_SOCKMAP); __uint(key_size, 4); __uint(value_size, 8); __uint(max_entries, 16); } sock_map SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_REUSEPORT_SOCKARRAY); __uint(key_size, 4); __uint(value_size, 8); __uint(max_entries, 64); } reuse SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_SK_STORAGE); __uint(map_flags, BPF_F_NO_PREALLOC); __type(key, int); __type(value, struct per_sock); } sk_store SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_CGROUP_STORAGE); __type(key, struct bpf_cgroup_storage_key); __type(value, struct flow_stat); } cg_store SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_LPM_TRIE); __type(key, struct { __u32 len; __be32 a; }); __type(value, __u32); __uint(max_entries, 256); __uint(map_flags, BPF_F_NO_PREALLOC); } cidrs SEC(".maps");
const volatile __u32 allow_mask = 7;
char cubic[] = "cubic";

static __always_inline struct backend *pick(struct svc_key *k, __u64 cookie) {
  struct backends *s = bpf_map_lookup_elem(&services, k); if (!s || !s->count) return 0;
  __u32 i = (cookie * 2654435761u >> 16) % s->count; barrier_var(i);
  return &s->b[i & 15];
}
static __always_inline int xlate(struct bpf_sock_addr *ctx, __be32 *addr) {
  __u64 cookie = bpf_get_socket_cookie(ctx); struct svc_key k = { .addr = *addr, .port = ctx->user_port, .proto = ctx->protocol };
  struct backend *b = pick(&k, cookie); if (!b) { k.port = 0; b = pick(&k, cookie); if (!b) return 1; }
  struct sess s = { .cookie = cookie, .addr = b->addr, .port = b->port };
  if (bpf_map_update_elem(&rev, &s, &k, 0)) return 0;
  *addr = b->addr; if (b->port) ctx->user_port = b->port;
  return 1;
}
SEC("cgroup/connect4") int connect4(struct bpf_sock_addr *ctx) {
  __be32 a = ctx->user_ip4; struct { __u32 len; __be32 a; } k = { 32, a }; __u32 *deny = bpf_map_lookup_elem(&cidrs, &k); if (deny && *deny & allow_mask) return 0;
  int r = xlate(ctx, &a); if (a != ctx->user_ip4) ctx->user_ip4 = a;
  struct sockaddr_in_ { __u16 f; __be16 p; __be32 a; __u8 pad[8]; } src = { AF_INET, 0, bpf_htonl(0x7f000001) };
  if (ctx->type == 1 && (a & bpf_htonl(0xff000000)) == bpf_htonl(0x7f000000)) bpf_bind(ctx, (struct sockaddr *)&src, sizeof src);
  int mark = 7; bpf_setsockopt(ctx, SOL_SOCKET, SO_MARK, &mark, sizeof mark);
  return r;
}
SEC("cgroup/connect6") int connect6(struct bpf_sock_addr *ctx) {
  if (ctx->user_ip6[0] || ctx->user_ip6[1] || ctx->user_ip6[2] != bpf_htonl(0xffff)) return 1;
  __be32 a = ctx->user_ip6[3]; int r = xlate(ctx, &a); ctx->user_ip6[3] = a; return r;
}
SEC("cgroup/sendmsg4") int sendmsg4(struct bpf_sock_addr *ctx) { __be32 a = ctx->user_ip4; int r = xlate(ctx, &a); ctx->user_ip4 = a; if (ctx->msg_src_ip4 == 0) ctx->msg_src_ip4 = bpf_htonl(0x0a000001); return r; }
SEC("cgroup/recvmsg4") int recvmsg4(struct bpf_sock_addr *ctx) { struct sess s = { .cookie = bpf_get_socket_cookie(ctx), .addr = ctx->user_ip4, .port = ctx->user_port }; struct svc_key *k = bpf_map_lookup_elem(&rev, &s); if (k) { ctx->user_ip4 = k->addr; ctx->user_port = k->port; } return 1; }
SEC("cgroup/getpeername4") int peername4(struct bpf_sock_addr *ctx) { struct sess s = { .cookie = bpf_get_socket_cookie(ctx), .addr = ctx->user_ip4, .port = ctx->user_port }; struct svc_key *k = bpf_map_lookup_elem(&rev, &s); if (k) { ctx->user_ip4 = k->addr; ctx->user_port = k->port; } return 1; }
SEC("cgroup/bind4") int bind4(struct bpf_sock_addr *ctx) { struct bpf_sock *sk = ctx->sk; if (!sk) return 0; if (sk->family != AF_INET || (ctx->type != 1 && ctx->type != 2)) return 0; if (bpf_ntohs(ctx->user_port) < 1024 && ctx->user_ip4 != 0) return 2; return 1; }
SEC("cgroup/sock_create") int sock_create(struct bpf_sock *sk) { __u64 ug = bpf_get_current_uid_gid(); if (sk->type == 3 && (__u32)ug) return 0; sk->priority = 3; sk->mark = ug; if (sk->family == AF_INET6) sk->bound_dev_if = 0; return 1; }
SEC("cgroup/post_bind4") int post_bind4(struct bpf_sock *sk) { return sk->src_port >= 1024 || sk->src_ip4 == 0; }
SEC("cgroup/dev") int devices(struct bpf_cgroup_dev_ctx *ctx) { short type = ctx->access_type & 0xFFFF, acc = ctx->access_type >> 16; if (ctx->major == 1 && type == 2 && ctx->minor < 10) return 1; if (ctx->major == 5 && (acc & 1)) return 0; char fmt[] = "dev %d:%d %d\n"; bpf_trace_printk(fmt, sizeof fmt, ctx->major, ctx->minor, type); return ctx->major == 10 || acc == 4; }
SEC("cgroup/sysctl") int sysctls(struct bpf_sysctl *ctx) {
  char name[64], value[32] = {}; unsigned long v = 0; static const char want[] = "net/ipv4/tcp_mem";
  if (ctx->write) return 0; long n = bpf_sysctl_get_name(ctx, name, sizeof name, 0); if (n < 0 || n != sizeof want - 1) return 1;
  for (unsigned i = 0; i < sizeof want; i++) if (name[i] != want[i]) return 1;
  n = bpf_sysctl_get_current_value(ctx, value, sizeof value); if (n < 0 || n >= (int)sizeof value) return 0;
  unsigned off = 0; for (int i = 0; i < 3; i++) { long r = bpf_strtoul(value + (off & 15), sizeof value - 16, 0, &v); if (r <= 0 || r > 16) return 0; off += r; if (v > 1 << 20) return 0; }
  return 1;
}
SEC("cgroup/getsockopt") int getopt_(struct bpf_sockopt *ctx) {
  __u8 *o = ctx->optval, *end = ctx->optval_end; struct per_sock *p;
  if (ctx->level == SOL_TCP && ctx->optname == TCP_CONGESTION) { if (o + 8 > end) return 0; if (o[0] == 'b') { o[0] = 'c'; ctx->optlen = 5; } ctx->retval = 0; return 1; }
  if (!ctx->sk) return 1; p = bpf_sk_storage_get(&sk_store, ctx->sk, 0, BPF_SK_STORAGE_GET_F_CREATE); if (!p) return 0;
  bpf_spin_lock(&p->lock); p->tokens++; bpf_spin_unlock(&p->lock); if (o + 1 > end) return 1; if (ctx->level == 0xdead) { o[0] = p->flags; ctx->optlen = 1; ctx->retval = 0; } return 1;
}
SEC("cgroup/setsockopt") int setopt_(struct bpf_sockopt *ctx) { __u8 *o = ctx->optval, *end = ctx->optval_end; if (ctx->level != 0xdead) { ctx->optlen = 0; return 1; } if (o + 1 > end) return 0; struct per_sock *p = ctx->sk ? bpf_sk_storage_get(&sk_store, ctx->sk, 0, 1) : 0; if (!p) return 0; p->flags = o[0]; ctx->optlen = -1; return 1; }
SEC("cgroup_skb/egress") int egress(struct __sk_buff *skb) {
  struct flow_stat *s = bpf_get_local_storage(&cg_store, 0); __sync_fetch_and_add(&s->pkts, 1); __sync_fetch_and_add(&s->bytes, skb->len);
  struct iphdr ip; if (skb->protocol != bpf_htons(ETH_P_IP) || bpf_skb_load_bytes(skb, 0, &ip, sizeof ip)) return 1;
  struct bpf_sock *sk = skb->sk; if (!sk) return 1; sk = bpf_sk_fullsock(sk); if (!sk) return 1;
  struct bpf_tcp_sock *tp = bpf_tcp_sock(sk); if (tp) { if (tp->snd_cwnd < 2 && tp->srtt_us > 100000) bpf_skb_ecn_set_ce(skb); s->rtt = tp->srtt_us; }
  struct per_sock *p = bpf_sk_storage_get(&sk_store, sk, 0, BPF_SK_STORAGE_GET_F_CREATE); if (!p) return 1;
  __u64 now = bpf_ktime_get_ns(); int ok = 1; bpf_spin_lock(&p->lock);
  __u64 d = now - p->last; p->last = now; p->tokens += d >> 10; if (p->tokens > 1 << 20) p->tokens = 1 << 20; if (p->tokens < skb->len) ok = 0; else p->tokens -= skb->len;
  bpf_spin_unlock(&p->lock); return ok;
}
SEC("sockops") int ops(struct bpf_sock_ops *s) {
  int rv = -1, bufsize = 150000; struct sk_key k = {};
  switch (s->op) {
  case BPF_SOCK_OPS_TIMEOUT_INIT: rv = s->remote_port == bpf_htonl(443) ? 10 : -1; break;
  case BPF_SOCK_OPS_RWND_INIT: rv = 40; break;
  case BPF_SOCK_OPS_TCP_CONNECT_CB: rv = bpf_setsockopt(s, SOL_SOCKET, 7, &bufsize, sizeof bufsize); rv += bpf_setsockopt(s, SOL_SOCKET, 8, &bufsize, sizeof bufsize); break;
  case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB: case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
    bpf_sock_ops_cb_flags_set(s, BPF_SOCK_OPS_RTT_CB_FLAG | BPF_SOCK_OPS_STATE_CB_FLAG | BPF_SOCK_OPS_RETRANS_CB_FLAG);
    if (s->family == AF_INET) { k.sip = s->local_ip4; k.dip = s->remote_ip4; k.sport = s->local_port; k.dport = bpf_ntohl(s->remote_port); k.family = s->family; bpf_sock_hash_update(s, &sock_hash, &k, BPF_NOEXIST); }
    else if (s->family == AF_INET6) { k.sip = s->local_ip6[3]; k.dip = s->remote_ip6[3]; k.sport = s->local_port; k.dport = bpf_ntohl(s->remote_port); bpf_sock_hash_update(s, &sock_hash, &k, BPF_ANY); }
    rv = bpf_setsockopt(s, SOL_TCP, TCP_CONGESTION, cubic, sizeof cubic); break;
  case BPF_SOCK_OPS_RTT_CB: { k.sip = s->local_ip4; k.dport = s->remote_port; k.sport = s->local_port; struct flow_stat *f = bpf_map_lookup_elem(&tcp_stats, &k), n = {}; if (!f) { n.rtt = s->srtt_us; bpf_map_update_elem(&tcp_stats, &k, &n, 0); } else { f->rtt = (f->rtt * 7 + s->srtt_us) / 8; f->bytes = s->bytes_acked; } rv = 0; break; }
  case BPF_SOCK_OPS_STATE_CB: if (s->args[1] == 7) { k.sip = s->local_ip4; k.dport = s->remote_port; k.sport = s->local_port; bpf_map_delete_elem(&tcp_stats, &k); } break;
  case BPF_SOCK_OPS_WRITE_HDR_OPT_CB: { __u8 opt[4] = { 254, 4, 0xeb, 9 }; bpf_store_hdr_opt(s, opt, sizeof opt, 0); break; }
  case BPF_SOCK_OPS_HDR_OPT_LEN_CB: bpf_reserve_hdr_opt(s, 4, 0); break;
  case BPF_SOCK_OPS_PARSE_HDR_OPT_CB: { struct { __u8 kind, len; __u8 d[6]; } o = { .kind = 254 }; if (bpf_load_hdr_opt(s, &o, sizeof o, 0) > 0 && o.d[0] == 9) rv = 1; void *d = s->skb_data, *e = s->skb_data_end; struct tcphdr *t = d; if ((void *)(t + 1) <= e && t->syn) rv = t->doff; break; }
  }
  if (s->is_fullsock && s->sk) { struct per_sock *p = bpf_sk_storage_get(&sk_store, s->sk, 0, 1); if (p) p->created = bpf_ktime_get_ns(); }
  s->reply = rv; return 1;
}
SEC("sk_msg") int msg_redir(struct sk_msg_md *m) {
  struct sk_key k = { .sip = m->remote_ip4, .dip = m->local_ip4, .sport = bpf_ntohl(m->remote_port), .dport = m->local_port, .family = m->family };
  bpf_msg_pull_data(m, 0, 32, 0); char *d = m->data, *e = m->data_end; if (d + 8 > e) return SK_PASS;
  if (d[0] == 'Q' && d[1] == 'U' && d[2] == 'I') return SK_DROP;
  if (m->size > 4096) { bpf_msg_cork_bytes(m, 8192); bpf_msg_apply_bytes(m, 4096); }
  if (d[4] == 'X') { if (bpf_msg_push_data(m, 0, 4, 0)) return SK_DROP; d = m->data; e = m->data_end; if (d + 4 > e) return SK_DROP; d[0] = 1; d[3] = m->size; }
  return bpf_msg_redirect_hash(m, &sock_hash, &k, BPF_F_INGRESS);
}
SEC("sk_skb/stream_parser") int parser(struct __sk_buff *skb) { void *d = (void *)(long)skb->data, *e = (void *)(long)skb->data_end; if (d + 4 > e) { if (bpf_skb_pull_data(skb, 4)) return 0; d = (void *)(long)skb->data; e = (void *)(long)skb->data_end; if (d + 4 > e) return 0; } __u32 n = bpf_ntohl(*(__u32 *)d); return n > 65536 ? skb->len : n + 4; }
SEC("sk_skb/stream_verdict") int verdict(struct __sk_buff *skb) { __u32 idx = skb->local_port & 15; void *d = (void *)(long)skb->data, *e = (void *)(long)skb->data_end; __u8 *c = d; if (c + 5 > (__u8 *)e) return SK_DROP; if (c[4] == 'h') { bpf_skb_change_tail(skb, skb->len + 1, 0); c = (void *)(long)skb->data; if (c + 1 > (__u8 *)(long)skb->data_end) return SK_DROP; c[0] = 0; } return bpf_sk_redirect_map(skb, &sock_map, idx, 0); }
SEC("sk_lookup") int lookup(struct bpf_sk_lookup *ctx) {
  if (ctx->protocol != IPPROTO_TCP || ctx->family != AF_INET) return SK_PASS; if (ctx->local_port < 7000 || ctx->local_port >= 8000) return SK_PASS;
  __u32 i = ctx->local_port & 15; struct bpf_sock *sk = bpf_map_lookup_elem(&sock_map, &i); if (!sk) return SK_DROP;
  long err = bpf_sk_assign(ctx, sk, ctx->sk ? BPF_SK_LOOKUP_F_REPLACE : 0); int st = sk->state; bpf_sk_release(sk); return err || st != 10 ? SK_DROP : SK_PASS;
}
SEC("sk_reuseport") int steer(struct sk_reuseport_md *r) { __u32 i = 0; void *d = r->data, *e = r->data_end; if (r->ip_protocol == IPPROTO_UDP) { struct udphdr *u = d; __u8 *q = (void *)(u + 1); if ((void *)(q + 9) > e) return SK_DROP; i = q[1] & 63; } else { struct tcphdr t; if (bpf_skb_load_bytes(r, 0, &t, sizeof t)) return SK_DROP; i = r->hash % 64; } struct { __be32 s, d; } ad; if (r->eth_protocol == bpf_htons(ETH_P_IP) && bpf_skb_load_bytes_relative(r, 12, &ad, 8, BPF_HDR_START_NET) == 0) i ^= ad.s & 1; return bpf_sk_select_reuseport(r, &reuse, &i, 0) ? SK_DROP : SK_PASS; }
SEC("flow_dissector") int dissect(struct __sk_buff *skb) {
  struct bpf_flow_keys *k = skb->flow_keys; void *d = (void *)(long)skb->data, *e = (void *)(long)skb->data_end; __u16 off = k->thoff; __be16 proto = k->n_proto; k->flags = k->flags;
  for (int i = 0; i < 3; i++) {
    if (proto != bpf_htons(ETH_P_8021Q) && proto != bpf_htons(ETH_P_8021AD)) break; struct { __be16 tci, proto; } v; if (bpf_skb_load_bytes(skb, off, &v, 4)) return 2; off += 4; proto = v.proto; }
  k->n_proto = proto; k->nhoff = off;
  if (proto == bpf_htons(ETH_P_IP)) { struct iphdr ip; if (bpf_skb_load_bytes(skb, off, &ip, 20)) return 2; if (ip.ihl < 5) return 2; k->addr_proto = ETH_P_IP; k->ipv4_src = ip.saddr; k->ipv4_dst = ip.daddr; k->ip_proto = ip.protocol; k->thoff = off + ip.ihl * 4; if (ip.frag_off & bpf_htons(0x3fff)) { k->is_frag = 1; return 0; } }
  else if (proto == bpf_htons(ETH_P_IPV6)) { struct ipv6hdr h; if (bpf_skb_load_bytes(skb, off, &h, 40)) return 2; k->addr_proto = ETH_P_IPV6; __builtin_memcpy(k->ipv6_src, &h.saddr, 32); k->ip_proto = h.nexthdr; k->thoff = off + 40; } else return 2;
  __be16 p[2]; if (k->ip_proto == IPPROTO_TCP || k->ip_proto == IPPROTO_UDP) { if (bpf_skb_load_bytes(skb, k->thoff, p, 4)) return 2; k->sport = p[0]; k->dport = p[1]; } return 0;
}
SEC("lirc_mode2") int lirc(unsigned int *sample) { __u32 s = *sample; if ((s & 0xff000000) == 0x01000000) { __u32 d = s & 0xffffff; if (d & 0x1000) bpf_rc_keydown(sample, 0x40, d & 0xff, 0); if (d & 0x2000) bpf_rc_repeat(sample); if (d & 0x4000) bpf_rc_pointer_rel(sample, d & 0xf, -1); } return 0; }
SEC("lwt_xmit") int lwt(struct __sk_buff *skb) { struct { struct iphdr ip; __u8 gre[4]; } h = {}; h.ip.ihl = 5; h.ip.version = 4; h.ip.protocol = 47; h.ip.ttl = 64; h.ip.tot_len = bpf_htons(skb->len + 24); h.ip.daddr = skb->cb[0]; h.gre[2] = 8; if (bpf_lwt_push_encap(skb, BPF_LWT_ENCAP_IP, &h, sizeof h)) return BPF_DROP; return BPF_LWT_REROUTE; }
char _license[] SEC("license") = "GPL";
