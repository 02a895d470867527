#include "../common.h"
// where "json" stands in 200 bytes
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(262);
  ROLLED for (int i = 0; i < 200; i++) {
    u8 *p = data + 58 + i;
    if (p[0] == 'j' && p[1] == 's' && p[2] == 'o' && p[3] == 'n') return i;
  }
  return 200;
}
