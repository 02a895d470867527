#include "../common.h"
// the name of a question: labels, letters made small, a hash; then the type
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(58);
  if (data[23] != 17 || *(u16 *)(data + 36) != 0x3500) return 1;
  u8 *p = data + 54;
  u32 hash = 0x811c9dc5, left = 0, labels = 0;
  ROLLED for (int i = 0; i < 64; i++) {
    if (p + 1 > data_end) return 2;
    u8 c = *p++;
    if (left == 0) {
      if (c == 0 || c > 63) break;
      left = c;
      labels++;
    } else {
      if (c >= 'A' && c <= 'Z') c += 32;
      hash = (hash ^ c) * 0x01000193;
      left--;
    }
  }
  if (p + 4 > data_end) return 3;
  return hash + labels * 7 + *(u16 *)p + *(u16 *)(p + 2);
}
