#include "../common.h"
// set bits of 32 words, by clang's own expansion of the builtin
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(576);
  u64 *words = (u64 *)(data + 320);
  u32 bits = 0;
  ROLLED for (int i = 0; i < 32; i++) bits += __builtin_popcountll(words[i]);
  return bits;
}
