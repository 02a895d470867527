#include "../common.h"
// bpf_for_each_map_elem over an array of 32
static long (*for_each)(void *map, void *callback, void *context, u64 flags) = (void *)164;
MAP(weights, 2, u32, u64, 32);
static long add(void *map, u32 *key, u64 *value, u64 *sum) {
  *value = *value + *key & 0xff;
  *sum += *key * 3 + 1;
  return 0;
}
SEC("xdp") int prog(struct xdp_md *ctx) {
  u64 sum = 0;
  for_each(&weights, add, &sum, 0);
  return sum;
}
