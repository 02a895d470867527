#include "../common.h"
// a source address and port are exchanged for others and back, both checksums mended
ALWAYS u16 mend(u16 check, u32 was, u32 is) {
  u32 sum = (u16)~check + (u16)~was + (u16)~(was >> 16) + (u16)is + (is >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return ~(sum + (sum >> 16));
}
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(54);
  if (*(u16 *)(data + 12) != 0x0008 || data[14] != 0x45) return 1;
  u32 was = *(u32 *)(data + 26), is = was ^ 0x01010101;
  u16 port = *(u16 *)(data + 34), other = port ^ 0x1234;
  *(u32 *)(data + 26) = is;
  *(u16 *)(data + 34) = other;
  *(u16 *)(data + 24) = mend(*(u16 *)(data + 24), was, is);
  u16 check = *(u16 *)(data + 50);
  if (check) *(u16 *)(data + 50) = mend(mend(check, was, is), port, other);
  return (was ^ is) + (port ^ other);
}
