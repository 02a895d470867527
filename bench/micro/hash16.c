#include "../common.h"
// addresses of ipv6, sixteen bytes, counted
struct address { u64 high, low; };
MAP(addresses, 1, struct address, u64, 1024);
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(400);
  u32 sum = 0;
  ROLLED for (int i = 0; i < 4; i++) {
    struct address key;
    u64 one = 1;
    __builtin_memcpy(&key, data + 320 + 16 * i, 16);
    u64 *count = map_lookup(&addresses, &key);
    if (count) ++*count;
    else map_update(&addresses, &key, &one, 0);
    sum += key.low >> 9;
  }
  return sum;
}
