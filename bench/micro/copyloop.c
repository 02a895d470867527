#include "../common.h"
// a copy loop byte by byte from the packet into an array map
MAP(buffers, 2, u32, u8[128], 4);
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(512);
  u32 key = data[5] & 3, sum = 0;
  u8 *buffer = map_lookup(&buffers, &key);
  if (!buffer) return 0;
  ROLLED for (int i = 0; i < 128; i++) buffer[i] = data[320 + i];
  ROLLED for (int i = 0; i < 128; i += 4) sum += *(u32 *)(buffer + i);
  return sum;
}
