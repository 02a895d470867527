#include "../common.h"
// fnv-1a of 64 bytes, 64 bits
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(122);
  u64 hash = 0xcbf29ce484222325;
  UNROLLED for (int i = 0; i < 64; i++) hash = (hash ^ data[58 + i]) * 0x100000001b3;
  return (u32)(hash >> 32 ^ hash);
}
