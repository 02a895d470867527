#include "../common.h"
// packs, changes and reads bit fields of a header on the stack
struct header { u32 version : 4, class : 8, label : 20; u16 length; u8 next, hops; u64 flags : 9, offset : 13, serial : 42; };
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(448);
  u32 sum = 0;
  ROLLED for (int i = 0; i < 8; i++) {
    struct header h;
    __builtin_memcpy(&h, data + 320 + 16 * i, sizeof h);
    h.label += h.class;
    h.serial += h.offset * h.flags;
    h.hops -= h.version;
    h.offset ^= h.label;
    __builtin_memcpy(data + 320 + 16 * i, &h, sizeof h);
    sum += h.hops + (u32)h.serial;
  }
  __builtin_memcpy(data + 320, data + 64, 128);
  return sum;
}
