/*
 * For bench/verifier.mjs: one XDP program that takes a packet apart as a load balancer does: VLAN tags, IPv4 with options,
 * IPv6 with extension headers, TCP options, a flow table and counters. Many branches, packet checks and stack variables.
 */
#define HASH_MAP
#define ARRAY_MAP
#include "../common.h"

#define swap16(x) ((u16)__builtin_bswap16(x))

struct tcp_state { u32 mss, wscale, sack, ts, other; };
struct pkt { u8 *at, *end; u16 proto; u8 l4; struct fkey key; struct tcp_state tcp; };

ALWAYS int vlan(struct pkt *p) {
#pragma unroll
  for (int i = 0; i < 3; i++) {
    if (p->proto != swap16(0x8100) && p->proto != swap16(0x88a8)) return 0;
    if (p->at + 4 > p->end) return -1;
    p->proto = *(u16 *)(p->at + 2);
    p->at += 4;
  }
  return 0;
}

ALWAYS int ipv4(struct pkt *p) {
  u8 *ip = p->at;
  if (ip + 20 > p->end) return -1;
  if (ip[0] >> 4 != 4) return -1;
  u32 length = (ip[0] & 15) * 4;
  if (length < 20) return -1;
  if (swap16(*(u16 *)(ip + 6)) & 0x1fff) return -2;
  p->key.src = *(u32 *)(ip + 12);
  p->key.dst = *(u32 *)(ip + 16);
  p->l4 = ip[9];
  p->at = ip + length;
  return 0;
}

ALWAYS int ipv6(struct pkt *p) {
  u8 *ip = p->at;
  if (ip + 40 > p->end) return -1;
  u32 *a = (u32 *)(ip + 8);
  p->key.src = a[0] ^ a[1] ^ a[2] ^ a[3];
  p->key.dst = a[4] ^ a[5] ^ a[6] ^ a[7];
  u8 next = ip[6];
  p->at = ip + 40;
#pragma unroll
  for (int i = 0; i < 2; i++) {
    if (next == 0 || next == 43 || next == 60) {
      if (p->at + 8 > p->end) return -1;
      next = p->at[0];
      p->at += (p->at[1] & 31) * 8 + 8;
    } else if (next == 44) {
      if (p->at + 8 > p->end) return -1;
      if (*(u16 *)(p->at + 2) & swap16(0xfff8)) return -2;
      next = p->at[0];
      p->at += 8;
    } else if (next == 51) {
      if (p->at + 8 > p->end) return -1;
      next = p->at[0];
      p->at += (p->at[1] & 15) * 4 + 8;
    } else break;
  }
  p->l4 = next;
  return 0;
}

ALWAYS void tcp_options(struct pkt *p, u8 *o, u8 *last) {
#pragma unroll
  for (int i = 0; i < 3; i++) {
    if (o + 1 > p->end || o >= last) return;
    u8 kind = o[0];
    if (kind == 0) return;
    if (kind == 1) { o++; continue; }
    if (o + 2 > p->end) return;
    u8 size = o[1];
    if (size < 2 || size > 40) return;
    switch (kind) {
    case 2:
      if (o + 4 > p->end) return;
      p->tcp.mss = swap16(*(u16 *)(o + 2));
      break;
    case 3:
      if (o + 3 > p->end) return;
      p->tcp.wscale = o[2];
      break;
    case 4: p->tcp.sack = 1; break;
    case 8:
      if (o + 10 > p->end) return;
      p->tcp.ts = *(u32 *)(o + 2);
      break;
    default: p->tcp.other++;
    }
    o += size;
  }
}

ALWAYS int transport(struct pkt *p) {
  u8 *h = p->at;
  if (p->l4 == 6) {
    if (h + 20 > p->end) return -1;
    p->key.sport = *(u16 *)h;
    p->key.dport = *(u16 *)(h + 2);
    u32 length = (h[12] >> 4) * 4;
    if (length < 20) return -1;
    if (length > 20) tcp_options(p, h + 20, h + length);
  } else if (p->l4 == 17 || p->l4 == 136) {
    if (h + 8 > p->end) return -1;
    p->key.sport = *(u16 *)h;
    p->key.dport = *(u16 *)(h + 2);
  } else if (p->l4 == 1 || p->l4 == 58) {
    if (h + 8 > p->end) return -1;
    p->key.sport = h[0];
    p->key.dport = *(u16 *)(h + 4);
  } else return -2;
  p->key.proto = p->l4;
  return 0;
}

static __attribute__((noinline)) int count(u32 index, u64 bytes) {
  u64 *slot = map_lookup(arr, &index);
  if (!slot) return 0;
  __sync_fetch_and_add(slot, bytes);
  return 1;
}

SEC("xdp") int parser(struct xdp_md *ctx) {
  HDR(14);
  struct pkt p = {.at = data + 14, .end = data_end, .proto = *(u16 *)(data + 12)};
  u64 bytes = data_end - data;
  if (vlan(&p) < 0) return 1;
  int err;
  if (p.proto == swap16(0x0800)) err = ipv4(&p);
  else if (p.proto == swap16(0x86dd)) err = ipv6(&p);
  else return 2;
  if (err) { count(1, bytes); return 1; }
  err = transport(&p);
  if (err) { count(2, bytes); return err == -1 ? 1 : 2; }
  struct fval *flow = map_lookup(htab, &p.key);
  if (flow) {
    flow->packets++;
    flow->bytes += bytes;
  } else {
    struct fval fresh = {1, bytes};
    map_update(htab, &p.key, &fresh, 0);
  }
  if (p.tcp.mss && p.tcp.mss < 536) count(3, bytes);
  if (p.tcp.sack && p.tcp.wscale > 14) count(4, bytes);
  if (p.tcp.ts && p.tcp.other) count(5, bytes);
  return 2;
}
