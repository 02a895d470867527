#include "../common.h"
// an exponentially weighted mean and its deviation in fixed point, 64 bits, of 64 samples
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(576);
  u16 *samples = (u16 *)(data + 320);
  long long mean = 0, deviation = 0;
  ROLLED for (int i = 0; i < 64; i++) {
    long long error = ((long long)samples[i] << 16) - mean;
    mean += error >> 3;
    if (error < 0) error = -error;
    deviation += (error - deviation) >> 2;
  }
  return (u32)(mean >> 8) + (u32)(deviation >> 8);
}
