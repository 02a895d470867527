#include "../common.h"
// twenty values of 64 bits that live through a loop: more than there are registers
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(480);
  u64 *p = (u64 *)(data + 320);
  u64 a = p[0], b = p[1], c = p[2], d = p[3], e = p[4], f = p[5], g = p[6], h = p[7], i = p[8], j = p[9];
  u64 k = p[10], l = p[11], m = p[12], n = p[13], o = p[14], q = p[15], r = p[16], s = p[17], t = p[18], u = p[19];
  ROLLED for (int round = 0; round < 16; round++) {
    a += b ^ k; b -= c ^ l; c += d ^ m; d -= e ^ n; e += f ^ o;
    f -= g ^ q; g += h ^ r; h -= i ^ s; i += j ^ t; j -= a ^ u;
    k += a >> 3; l ^= b << 5; m += c >> 7; n ^= d << 9; o += e >> 11;
    q ^= f << 13; r += g >> 15; s ^= h << 17; t += i >> 19; u ^= j << 21;
  }
  u64 sum = a ^ b ^ c ^ d ^ e ^ f ^ g ^ h ^ i ^ j ^ k ^ l ^ m ^ n ^ o ^ q ^ r ^ s ^ t ^ u;
  return (u32)(sum ^ sum >> 32);
}
