/* Loops that keep state between rounds: automata, sorting, searching, running statistics, in callbacks and in plain loops. */
#include "common.h"
struct st { __u32 state, pos, found, depth; __u64 acc, last; __u8 window[8]; __u32 stack[4]; };
struct ctx2 { struct st *in; __u64 budget; __u32 mode, hits; };
struct win { __u64 v[16]; __u32 head, n; };
MAP(src, BPF_MAP_TYPE_ARRAY, __u32, __u32, 256);
MAP(wins, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct win, 1);
MAP(hist, BPF_MAP_TYPE_HASH, __u32, __u64, 256);
struct { __uint(type, BPF_MAP_TYPE_USER_RINGBUF); __uint(max_entries, 4096); } in SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } out SEC(".maps");
static __always_inline __u32 at(__u32 i) { __u32 k = i & 255, *v = bpf_map_lookup_elem(&src, &k); return v ? *v : 0; }
static long automaton(__u32 i, struct st *s) {
  __u32 c = at(i); switch (s->state) { case 0: s->state = c == 'a' ? 1 : 0; break; case 1: s->state = c == 'b' ? 2 : c == 'a' ? 1 : 0; break; case 2: if (c == 'c') { s->found++; s->pos = i; s->state = 0; } else s->state = c == 'a'; break; default: return 1; } return s->found > 3; }
static long brackets(__u32 i, struct st *s) { __u32 c = at(i); if (c == '(') { if (s->depth >= 4) return 1; s->stack[s->depth & 3] = i; s->depth++; } else if (c == ')') { if (s->depth == 0) return 1; s->depth--; s->acc += i - s->stack[s->depth & 3]; } return 0; }
static long window(__u32 i, struct st *s) { s->window[i & 7] = at(i); __u32 sum = 0; for (int k = 0; k < 8; k++) sum += s->window[k]; if (sum > s->acc) { s->acc = sum; s->pos = i; } s->last = sum; return 0; }
static long bisect(__u32 i, struct st *s) { __u32 lo = s->pos, hi = s->depth; if (lo >= hi) return 1; __u32 mid = (lo + hi) / 2, v = at(mid); if (v < s->found) s->pos = mid + 1; else s->depth = mid; return 0; }
static long each(void *m, __u32 *k, __u64 *v, struct ctx2 *c) { if (c->mode == 0 && *v > 100) c->mode = 1; else if (c->mode == 1 && *v < 10) { c->mode = 2; c->hits = *k; } else if (c->mode == 2) { *v += c->hits; if (c->in) c->in->acc = *v; c->in = 0; } return c->mode > 2; }
SEC("tc") int automata(struct __sk_buff *skb) { struct st s = {}; bpf_loop(256, automaton, &s, 0); if (s.found) skb->mark = s.pos; struct st b = {}; bpf_loop(256, brackets, &b, 0); skb->priority = b.acc; return b.depth ? TC_ACT_SHOT : TC_ACT_OK; }
SEC("tc") int windows(struct __sk_buff *skb) { struct st s = {}; bpf_loop(256, window, &s, 0); return s.acc > 1000 ? TC_ACT_SHOT : TC_ACT_OK; }
SEC("tc") int search(struct __sk_buff *skb) { struct st s = { .depth = 256, .found = skb->hash }; bpf_loop(9, bisect, &s, 0); return s.pos & 1; }
SEC("tc") int elements(struct __sk_buff *skb) { struct st s = {}; struct ctx2 c = { .in = &s }; bpf_for_each_map_elem(&hist, each, &c, 0); return s.acc > 7; }
SEC("xdp") int sorting(struct xdp_md *x) {
  __u32 z = 0; struct win *w = bpf_map_lookup_elem(&wins, &z); if (!w) return XDP_PASS; w->v[w->head & 15] = x->data_end - x->data; w->head++; if (w->n < 16) w->n++;
  __u64 a[8]; for (int i = 0; i < 8; i++) a[i] = w->v[(w->head + i) & 15];
  for (int i = 1; i < 8; i++) { __u64 k = a[i]; int j = i - 1; for (int n = 0; n < 8; n++) { if (j < 0 || a[j & 7] <= k) break; a[(j + 1) & 7] = a[j & 7]; j--; } a[(j + 1) & 7] = k; }
  return a[4] > 1000 ? XDP_DROP : XDP_PASS;
}
SEC("tc") int gcd(struct __sk_buff *skb) { __u32 a = skb->mark | 1, b = skb->hash | 1; for (int i = 0; i < 40; i++) { if (b == 0) break; __u32 t = a % b; a = b; b = t; } __u64 r = 1, base = a; for (__u32 k = skb->priority & 0xff; k; k >>= 1) { if (k & 1) r *= base; base *= base; } return r & 1; }
char _license[] SEC("license") = "GPL";
