#include "../common.h"
// fnv-1a of 64 bytes, 32 bits
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(122);
  u32 hash = 0x811c9dc5;
  ROLLED for (int i = 0; i < 64; i++) hash = (hash ^ data[58 + i]) * 0x01000193;
  return hash;
}
