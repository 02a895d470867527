#include "../common.h"
// signed quotients and remainders; by their amounts where the instruction set has no signed division
#if CPU >= 4
ALWAYS int quotient(int a, int b) { return a / b; }
ALWAYS int rest(int a, int b) { return a % b; }
#else
ALWAYS u32 amount(int x) { return x < 0 ? -(u32)x : x; }
ALWAYS int quotient(int a, int b) {
  u32 q = amount(a) / amount(b);
  return (a ^ b) < 0 ? -q : q;
}
ALWAYS int rest(int a, int b) {
  u32 r = amount(a) % amount(b);
  return a < 0 ? -r : r;
}
#endif
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(448);
  int *words = (int *)(data + 320), sum = 0;
  ROLLED for (int i = 0; i < 16; i++) {
    int by = (short)words[i + 16] | 1;
    sum = sum * 3 + quotient(words[i], by);
    sum ^= rest(words[i], by);
  }
  return sum;
}
