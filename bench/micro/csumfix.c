#include "../common.h"
// checksums mended for eight changed fields, as in RFC 1624
ALWAYS u16 mend(u16 check, u16 was, u16 is) {
  u32 sum = (u16)~check + (u16)~was + is;
  sum = (sum & 0xffff) + (sum >> 16);
  return ~(sum + (sum >> 16));
}
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(384);
  u16 *was = (u16 *)(data + 320), *is = (u16 *)(data + 352), check = *(u16 *)(data + 24);
  ROLLED for (int i = 0; i < 8; i++) check = mend(check, was[i], is[i]);
  return check;
}
