#include "../common.h"
// the line of a request: method, length of the path, depth, query, version
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(64);
  u8 *p = data + 58;
  u32 method = *(u32 *)p, path = 0, depth = 0, query = 0, state = 0;
  ROLLED for (int i = 0; i < 96; i++) {
    if (p + 1 > data_end) return 1;
    u8 c = *p++;
    if (c == '\r') break;
    if (c == ' ') {
      if (++state > 3) return 3;
    } else if (state == 1) {
      path++;
      if (c == '/') depth++;
      else if (c == '?') state = 2;
      else if (c == '%') return 2;
    } else if (state == 2) query += c == '&' || c == '=';
  }
  return method ^ path << 8 ^ depth << 4 ^ query ^ state << 20;
}
