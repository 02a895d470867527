#include "../common.h"
// an array of arrays: the table of a tenant, then a counter in it
struct inner {
  __uint(type, 2); /* BPF_MAP_TYPE_ARRAY */
  __uint(max_entries, 64);
  __type(key, u32);
  __type(value, u64);
} first SEC(".maps"), second SEC(".maps");
struct {
  __uint(type, 12); /* BPF_MAP_TYPE_ARRAY_OF_MAPS */
  __uint(max_entries, 4);
  __type(key, u32);
  struct inner *values[];
} tenants SEC(".maps") = {.values = {&first, &second, &first, &second}};
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(336);
  u32 sum = 0;
  ROLLED for (int i = 0; i < 4; i++) {
    u32 tenant = data[320 + i] & 3, key = data[324 + i] & 63;
    void *table = map_lookup(&tenants, &tenant);
    if (!table) return 1;
    u64 *counter = map_lookup(table, &key);
    if (!counter) return 2;
    ++*counter;
    sum = sum * 67 + key + tenant;
  }
  return sum;
}
