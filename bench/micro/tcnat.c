#include "../common.h"
// a classifier that exchanges an address by the helpers for it: load, mend two checksums, store
struct __sk_buff;
static long (*load_bytes)(const void *skb, u32 at, void *to, u32 size) = (void *)26;
static long (*store_bytes)(void *skb, u32 at, const void *from, u32 size, u64 flags) = (void *)9;
static long (*mend_ip)(void *skb, u32 at, u64 from, u64 to, u64 flags) = (void *)10;
static long (*mend_udp)(void *skb, u32 at, u64 from, u64 to, u64 flags) = (void *)11;
SEC("tc") int prog(struct __sk_buff *skb) {
  u32 was, is;
  if (load_bytes(skb, 26, &was, 4)) return 0;
  is = was ^ 0x01010101;
  mend_udp(skb, 40, was, is, 0x10 | 4);
  mend_ip(skb, 24, was, is, 4);
  store_bytes(skb, 26, &is, 4, 0);
  return was;
}
