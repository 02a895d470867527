#include "../common.h"
// a sorting network of eight words: nothing but minimum and maximum
#define ORDER(a, b) { u32 least = a < b ? a : b; b = a < b ? b : a; a = least; }
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(352);
  u32 *p = (u32 *)(data + 320), a = p[0], b = p[1], c = p[2], d = p[3], e = p[4], f = p[5], g = p[6], h = p[7];
  ORDER(a, b) ORDER(c, d) ORDER(e, f) ORDER(g, h)
  ORDER(a, c) ORDER(b, d) ORDER(e, g) ORDER(f, h)
  ORDER(b, c) ORDER(f, g) ORDER(a, e) ORDER(d, h)
  ORDER(b, f) ORDER(c, g) ORDER(b, e) ORDER(d, g)
  ORDER(c, e) ORDER(d, f) ORDER(d, e)
  return a ^ b * 3 ^ c * 5 ^ d * 7 ^ e * 9 ^ f * 11 ^ g * 13 ^ h * 15;
}
