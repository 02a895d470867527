#include "../common.h"
// ipv6 with up to six extension headers, then the ports
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(54);
  if (*(u16 *)(data + 12) != 0xdd86) return 1;
  u8 next = data[20], *p = data + 54;
  u32 seen = 0;
  ROLLED for (int i = 0; i < 6; i++) {
    if (next != 0 && next != 43 && next != 44 && next != 60) break;
    if (p + 8 > data_end) return 2;
    u32 length = next == 44 ? 8 : (p[1] & 31) * 8 + 8;
    seen = seen * 5 + next;
    next = p[0];
    p += length;
  }
  if (p + 4 > data_end) return 3;
  return seen << 8 ^ next ^ *(u16 *)p ^ *(u16 *)(p + 2);
}
