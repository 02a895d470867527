#include "../common.h"
// the same with keys of eight bytes, half of them not there
MAP(pairs, 1, u64, u64, 1024);
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(400);
  u32 sum = 0;
  ROLLED for (int i = 0; i < 8; i++) {
    u64 key = *(u64 *)(data + 320 + 8 * i), value = key;
    u64 *found = map_lookup(&pairs, &key);
    if (found) sum += *found;
    else {
      if (i & 1) map_update(&pairs, &key, &value, 0);
      sum += i & 1 ? (u32)value : 1;
    }
  }
  return sum;
}
