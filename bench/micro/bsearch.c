#include "../common.h"
// 16 searches by halving in a table of 64
static const u16 table[64] = {
  3, 17, 29, 44, 61, 82, 101, 133, 150, 177, 201, 219, 244, 260, 288, 301, 330, 351, 377, 402, 420, 443, 466, 490, 512, 530,
  551, 577, 590, 610, 633, 650, 666, 681, 699, 710, 722, 735, 741, 758, 763, 777, 781, 799, 801, 812, 825, 833, 841, 850,
  861, 870, 881, 899, 905, 917, 923, 931, 944, 957, 966, 977, 988, 1000,
};
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(352);
  u16 *wanted = (u16 *)(data + 320);
  u32 sum = 0;
  ROLLED for (int i = 0; i < 16; i++) {
    u32 at = 0, word = wanted[i] & 1023;
    ROLLED for (u32 step = 32; step > 0; step >>= 1)
      if (table[(at + step) & 63] <= word) at += step;
    sum = sum * 7 + at;
  }
  return sum;
}
