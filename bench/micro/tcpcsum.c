#include "../common.h"
// checksum of a tcp segment with its pseudo header, 32 bits at a time into 64
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(534);
  u64 sum = *(u32 *)(data + 26) + (u64)*(u32 *)(data + 30) + __builtin_bswap16(500) + (6 << 8);
  ROLLED for (int i = 0; i < 500; i += 4) sum += *(u32 *)(data + 34 + i);
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return (u16)~sum;
}
