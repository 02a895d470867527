#include "../common.h"
// a value by the number of the processor
static u32 (*cpu)(void) = (void *)8;
MAP(perCpu, 6, u32, u64, 4);
SEC("xdp") int prog(struct xdp_md *ctx) {
  u32 key = cpu() & 3;
  u64 *count = map_lookup(&perCpu, &key);
  if (count) ++*count;
  return count != 0;
}
