#include "../common.h"
// a calculator: 64 bytes of instructions, a switch over sixteen of them
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(400);
  u32 a = 1, b = 2;
  ROLLED for (int i = 0; i < 64; i++) {
    u8 op = data[320 + i];
    switch (op & 15) {
      case 0: a += b; break;
      case 1: a -= b; break;
      case 2: a *= 3; break;
      case 3: a ^= op; break;
      case 4: b = a; break;
      case 5: b += op; break;
      case 6: a = a << 5 | a >> 27; break;
      case 7: { u32 old = a; a = b; b = old; break; }
      case 8: a = -a; break;
      case 9: b >>= 1; break;
      case 10: a |= 1; break;
      case 11: b ^= a; break;
      case 12: a &= 0x7fffffff; break;
      case 13: if (a > b) a -= b; break;
      case 14: b = b * a | 1; break;
      case 15: a += i; break;
    }
  }
  return a * 3 + b;
}
