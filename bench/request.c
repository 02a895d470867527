#include "common.h"
// is the payload the start of a request?
ALWAYS int same(const u8 *p, const char *text, int n) {
  for (int i = 0; i < n; i++) if (p[i] != (u8)text[i]) return 0;
  return 1;
}
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(70);
  u8 *p = data + 54;
  if (same(p, "GET /", 5)) return 1;
  if (same(p, "HEAD /", 6)) return 3;
  if (same(p, "PUT /", 5)) return 4;
  if (same(p, "POST /", 6)) return 5;
  return 2;
}
