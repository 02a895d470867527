#define ARRAY_MAP
#include "common.h"
// counts packets and bytes by ip protocol in an array
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(34);
  u32 key = 256;
  if (*(u16 *)(data + 12) == 0x0008) key = data[23];
  u64 *value = map_lookup(arr, &key);
  if (!value) return 0;
  *value += 1;
  key += 512;
  value = map_lookup(arr, &key);
  if (!value) return 0;
  __sync_fetch_and_add(value, data_end - data);
  return 2;
}
