#include "../common.h"
// a histogram of 16 classes on the stack, then its largest
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(576);
  u32 counts[16], most = 0, which = 0;
  for (int i = 0; i < 16; i++) counts[i] = 0;
  ROLLED for (int i = 0; i < 128; i++) counts[data[320 + i] >> 4]++;
  ROLLED for (int i = 0; i < 16; i++)
    if (counts[i] > most) {
      most = counts[i];
      which = i;
    }
  return most << 8 | which;
}
