#include "../common.h"
// moves 12 and 32 bytes of the packet by four, as a vlan tag is put in, and back
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(512);
  u8 *to = data + 400, *from = data + 404;
  __builtin_memcpy(from, data + 320, 64);
  __builtin_memmove(to, from, 32);
  __builtin_memmove(to + 4, to, 12);
  __builtin_memmove(from + 16, from + 12, 32);
  return *(u32 *)(data + 408) ^ *(u32 *)(data + 420) ^ *(u32 *)(data + 440);
}
