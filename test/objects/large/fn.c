/* Programs of many functions: static and global ones, callbacks of loops and maps, timers, tail calls out of functions, a state machine. */
#include "common.h"
struct task_stat { __u64 runs, wait, last; __u32 cpu, prio; char comm[16]; };
struct elem { struct bpf_timer timer; __u64 count; __u32 interval, key; };
struct job { __u32 id, len; __u8 data[120]; };
struct walk { __u64 sum, max; __u32 n, limit; void *ctx; };
struct parser { const __u8 *p, *end; __u32 state, depth, keys, errors; };
struct hdr { __u16 kind, len; __u32 v; };
MAP(stats, BPF_MAP_TYPE_HASH, __u32, struct task_stat, 1024);
MAP(timers, BPF_MAP_TYPE_ARRAY, __u32, struct elem, 16);
MAP(results, BPF_MAP_TYPE_ARRAY, __u32, __u64, 64);
MAP(lru, BPF_MAP_TYPE_LRU_HASH, __u64, __u64, 512);
struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(key_size, 4); __uint(value_size, 4); __uint(max_entries, 8); } steps SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 65536); } out SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __type(key, __u32); __type(value, struct job); __uint(max_entries, 1); } jobs SEC(".maps");
static __u64 total, errors; int verbose = 0; const volatile __u32 rounds = 100;
volatile const struct { __u32 lo, hi; __u8 table[32]; } cfg = { 1, 900, { 3, 1, 4, 1, 5, 9, 2, 6 } };

__noinline int clamp(int v, int lo, int hi) { return v < lo ? lo : v > hi ? hi : v; }
__noinline __u64 mix(__u64 h, __u64 v) { h ^= v; h *= 0x9e3779b97f4a7c15ull; h ^= h >> 29; return h; }
__noinline int store_result(__u32 i, __u64 v) { __u64 *r = bpf_map_lookup_elem(&results, &i); if (!r) return -1; *r += v; return 0; }
__noinline int sum_job(struct job *j) { if (!j) return -1; __u32 s = 0; for (int i = 0; i < 120; i++) s += j->data[i]; return s & 0xffff; }
__noinline int header(struct hdr *h, __u32 kind) { if (!h) return 0; h->kind = kind; h->len = sizeof *h; h->v = kind * 3; return h->v; }
__noinline int proto_of(struct __sk_buff *skb) { __u8 b = 0; if (bpf_skb_load_bytes(skb, 23, &b, 1)) return -1; return b; }
static __noinline int depth3(__u32 x) { char buf[64] = {}; for (int i = 0; i < 8; i++) buf[i * 7] = x + i; return buf[x & 63]; }
static __noinline int depth2(__u32 x) { __u64 a[8]; for (int i = 0; i < 8; i++) a[i] = mix(x, i); return depth3(a[x & 7]) + a[(x >> 3) & 7]; }
static __noinline int depth1(__u32 x, int y) { if (y > 10) return depth2(x); return depth2(x + 1) - depth3(y); }
static long add_one(__u32 i, struct walk *w) { if (i >= w->limit) return 1; w->sum += i * (i & 3); if (w->sum > w->max) w->max = w->sum; w->n++; return 0; }
static long nested(__u32 i, struct walk *w) { struct walk in = { .limit = 10 + i }; bpf_loop(20, add_one, &in, 0); w->sum += in.sum; return in.n > 25; }
static long each_stat(void *map, __u32 *key, struct task_stat *v, struct walk *w) { if (v->runs > w->max) { w->max = v->runs; w->n = *key; } w->sum += v->wait; if (v->last && w->sum > 1 << 30) return 1; return 0; }
static long each_result(void *map, __u32 *key, __u64 *v, struct walk *w) { if (*key & 1) return 0; w->sum += *v; *v = 0; return 0; }
static int on_timer(void *map, int *key, struct elem *e) { e->count++; __u32 k = *key; store_result(k & 63, e->count); if (e->count < 100) bpf_timer_start(&e->timer, e->interval, 0); else { __u64 h = k; bpf_map_delete_elem(&lru, &h); } return 0; }
static __always_inline void start_timer(__u32 i) { struct elem *e = bpf_map_lookup_elem(&timers, &i); if (!e) return; if (bpf_timer_init(&e->timer, &timers, 1 /* CLOCK_MONOTONIC */)) return; if (bpf_timer_set_callback(&e->timer, on_timer)) return; e->interval = clamp(e->key * 1000, 1000, 1000000); bpf_timer_start(&e->timer, e->interval, 0); if (e->count > 1000) bpf_timer_cancel(&e->timer); }
static __noinline int dispatch(struct __sk_buff *skb, __u32 step) { if (step > 7) return -1; bpf_tail_call(skb, &steps, step); errors++; return -2; }
static long parse_byte(__u32 i, struct parser *q) {
  __u64 h = i; __u64 *v = bpf_map_lookup_elem(&lru, &h); __u8 c = v ? *v : 0;
  switch (q->state) { case 0: if (c == '{') { q->state = 1; q->depth++; } else if (c != ' ') { q->errors++; return 1; } break; case 1: if (c == '"') q->state = 2; else if (c == '}') { if (q->depth == 0) return 1; q->depth--; q->state = q->depth ? 1 : 4; } break; case 2: if (c == '\\') q->state = 3; else if (c == '"') { q->keys++; q->state = 1; } break; case 3: q->state = 2; break; default: return 1; }
  return 0;
}
SEC("tc") int entry(struct __sk_buff *skb) {
  struct walk w = { .limit = rounds }; __u32 zero = 0; int r;
  bpf_loop(1000, add_one, &w, 0); store_result(0, w.sum); r = proto_of(skb); if (r < 0) return 0;
  if (verbose) bpf_loop(rounds, nested, &w, 0);
  bpf_for_each_map_elem(&stats, each_stat, &w, 0); bpf_for_each_map_elem(&results, each_result, &w, 0);
  struct hdr h; int v = header(&h, r); total += v + depth1(skb->len, skb->mark);
  struct job *j = bpf_map_lookup_elem(&jobs, &zero); if (j) { long n = clamp(skb->len, 1, 120); if (n >= 1 && n <= 120 && !bpf_skb_load_bytes(skb, 0, j->data, n)) v = sum_job(j); }
  start_timer(r & 15); if (v & 0x100) return dispatch(skb, r & 7); return v & 1 ? TC_ACT_OK : TC_ACT_SHOT;
}
SEC("tc") int step_one(struct __sk_buff *skb) { struct parser q = {}; long n = bpf_loop(512, parse_byte, &q, 0); if (n < 0 || q.errors) return TC_ACT_SHOT; __u8 t = cfg.table[skb->hash & 31]; if (q.keys > cfg.hi || q.keys < cfg.lo) return dispatch(skb, t & 7); return TC_ACT_OK; }
SEC("xdp") int bytes(struct xdp_md *x) {
  __u8 *p = (void *)(long)x->data, *end = (void *)(long)x->data_end; __u32 h = 5381, lines = 0, words = 0; bool in = false;
  for (int i = 0; i < 256; i++) { if (p + i + 1 > end) break; __u8 c = p[i]; h = h * 33 + c; if (c == '\n') lines++; if (c == ' ' || c == '\t' || c == '\n') in = false; else if (!in) { in = true; words++; } }
  store_result(1, lines); store_result(2, words); return h & 1 ? XDP_PASS : XDP_DROP;
}
SEC("tc") int http(struct __sk_buff *skb) {
  char buf[64]; __u32 len = skb->len, off = 54; if (len < off + 16) return 0; __u32 n = len - off; if (n > sizeof buf) n = sizeof buf; if (n < 16) return 0; if (bpf_skb_load_bytes(skb, off, buf, n)) return 0;
  int method = 0; if (!__builtin_memcmp(buf, "GET ", 4)) method = 1; else if (!__builtin_memcmp(buf, "POST", 4)) method = 2; else if (!bpf_strncmp(buf, 5, "HTTP/")) method = 3; if (!method) return 0;
  __u32 code = 0; if (method == 3) { for (int i = 9; i < 12; i++) { char c = buf[i]; if (c < '0' || c > '9') return 0; code = code * 10 + (c - '0'); } if (code >= 500) store_result(code - 500 < 60 ? code - 500 : 60, 1); return 0; }
  __u64 hash = 14695981039346656037ull; for (__u32 i = 4; i < sizeof buf; i++) { if (i >= n || buf[i] == ' ' || buf[i] == '?') break; hash = (hash ^ buf[i]) * 1099511628211ull; }
  struct { __u64 hash; __u32 method, len; char path[32]; } *e = bpf_ringbuf_reserve(&out, sizeof *e, 0); if (!e) return 0; e->hash = hash; e->method = method; e->len = len; for (int i = 0; i < 32; i++) { char c = buf[i + 4]; e->path[i] = c; if (c == ' ') break; }
  char msg[32]; __u64 args[2] = { method, code }; bpf_snprintf(msg, sizeof msg, "%d/%u", args, sizeof args); if (len > 1400) bpf_ringbuf_discard(e, BPF_RB_NO_WAKEUP); else bpf_ringbuf_submit(e, 0); return 0;
}
SEC("tp/sched/sched_switch") int switch_(struct { __u64 pad; char prev[16]; int pid, prio; long state; char next[16]; int npid, nprio; } *c) {
  __u32 k = c->npid; struct task_stat *s = bpf_map_lookup_elem(&stats, &k), n = {}; __u64 now = bpf_ktime_get_ns(); if (!s) { n.runs = 1; n.last = now; n.prio = c->nprio; __builtin_memcpy(n.comm, c->next, 16); return bpf_map_update_elem(&stats, &k, &n, BPF_NOEXIST); }
  s->runs++; s->wait = mix(s->wait, now - s->last); s->last = now; s->cpu = bpf_get_smp_processor_id(); return 0;
}
char _license[] SEC("license") = "Dual BSD/GPL";
