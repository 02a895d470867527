#include "../common.h"
// checksum of an ipv4 header of 20 bytes, unrolled
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(34);
  u16 *words = (u16 *)(data + 14);
  u32 sum = 0;
  UNROLLED for (int i = 0; i < 10; i++) sum += words[i];
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return (u16)~sum;
}
