#include "../common.h"
// selects of 64 bits: the nearer one of two neighbours, 32 times
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(608);
  long long *words = (long long *)(data + 320), sum = 0;
  ROLLED for (int i = 1; i < 32; i++) {
    long long here = words[i] >> 8, left = words[i - 1] >> 8, right = words[i + 1] >> 8;
    long long l = here > left ? here - left : left - here, r = here > right ? here - right : right - here;
    sum += l < r ? left : right;
  }
  return (int)(sum >> 16);
}
