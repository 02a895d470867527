#include "../common.h"
// a redirection by number, and one by a map whose slot is empty
static long (*redirect)(u32 ifindex, u64 flags) = (void *)23;
static long (*redirect_map)(void *map, u64 key, u64 flags) = (void *)51;
MAP(ports, 14, u32, u32, 8);
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(34);
  if (data[23] == 17) return redirect(1, 0);
  return redirect_map(&ports, data[30] & 7, 2);
}
