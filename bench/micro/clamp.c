#include "../common.h"
// smallest, largest, limited and absolute values of 64 signed halfwords
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(576);
  short *words = (short *)(data + 320);
  int least = 32767, most = -32768, sum = 0;
  ROLLED for (int i = 0; i < 64; i++) {
    int word = words[i];
    if (word < least) least = word;
    if (word > most) most = word;
    int held = word < -10000 ? -10000 : word > 12000 ? 12000 : word;
    sum += (word < 0 ? -word : word) * 3 + held;
  }
  return sum ^ least << 16 ^ most;
}
