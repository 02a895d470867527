#include "common.h"
// ethernet / ipv4 / tcp or udp: a verdict by destination port
#define BE16(x) ((u16)(((x) & 0xff) << 8 | ((x) >> 8 & 0xff)))
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(34);
  if (*(u16 *)(data + 12) != BE16(0x0800)) return 2;
  if (data[14] != 0x45) return 2;
  u8 *l4 = data + 34;
  u16 port;
  if (data[23] == 6) {
    if (l4 + 20 > data_end) return 1;
    port = *(u16 *)(l4 + 2);
  } else if (data[23] == 17) {
    if (l4 + 8 > data_end) return 1;
    port = *(u16 *)(l4 + 2);
  } else return 2;
  switch (port) {
    case BE16(22): return 3;
    case BE16(53): return 4;
    case BE16(80): return 5;
    case BE16(443): return 6;
    case BE16(8080): return 7;
  }
  return 2;
}
