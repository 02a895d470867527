#include "../common.h"
// a mix of three words at a time over 48 bytes, and a final one
#define ROL(x, n) ((x) << (n) | (x) >> (32 - (n)))
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(112);
  u32 *words = (u32 *)(data + 64), a = 0xdeadbeef + 48, b = a, c = a;
  ROLLED for (int i = 0; i < 12; i += 3) {
    a += words[i]; b += words[i + 1]; c += words[i + 2];
    a -= c; a ^= ROL(c, 4); c += b;
    b -= a; b ^= ROL(a, 6); a += c;
    c -= b; c ^= ROL(b, 8); b += a;
    a -= c; a ^= ROL(c, 16); c += b;
    b -= a; b ^= ROL(a, 19); a += c;
    c -= b; c ^= ROL(b, 4); b += a;
  }
  c ^= b; c -= ROL(b, 14);
  a ^= c; a -= ROL(c, 11);
  b ^= a; b -= ROL(a, 25);
  c ^= b; c -= ROL(b, 16);
  a ^= c; a -= ROL(c, 4);
  b ^= a; b -= ROL(a, 14);
  c ^= b; c -= ROL(b, 24);
  return c;
}
