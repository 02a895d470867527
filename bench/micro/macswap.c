#include "../common.h"
// addresses of the frame change places
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(14);
  u32 a = *(u32 *)data, c = *(u32 *)(data + 6);
  u16 b = *(u16 *)(data + 4), d = *(u16 *)(data + 10);
  *(u32 *)data = c;
  *(u16 *)(data + 4) = d;
  *(u32 *)(data + 6) = a;
  *(u16 *)(data + 10) = b;
  return (a ^ c ^ b ^ d) & 0xffff;
}
