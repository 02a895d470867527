#include "../common.h"
// bpf_csum_diff over 20 and 8 bytes of stack
static long (*csum_diff)(const u32 *from, u32 from_size, const u32 *to, u32 to_size, u32 seed) = (void *)28;
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(34);
  u32 header[5], was[2], is[2];
  __builtin_memcpy(header, data + 14, 20);
  was[0] = header[3]; was[1] = header[4];
  is[0] = header[4]; is[1] = was[0] ^ 0x01010101;
  u64 sum = csum_diff(0, 0, header, 20, 0);
  sum = csum_diff(was, 8, is, 8, sum);
  sum = (sum & 0xffff) + (sum >> 16 & 0xffff);
  return (u16)~(sum + (sum >> 16));
}
