#define HASH_MAP
#include "common.h"
// a table of sources that are let in, then the flow's own counter
static const struct { u32 net, mask; } rules[6] = {{0x000a0000, 0xffff0000}, {0x7f, 0xff}, {0xa8c0, 0xffff}, {0x10ac, 0xf0ff}, {0x640a, 0xc0ff}, {0x0a, 0xff}};
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(38);
  u32 source = *(u32 *)(data + 26);
  int found = 0;
  for (int i = 0; i < 6; i++) if ((source & rules[i].mask) == rules[i].net) found = i + 1;
  if (!found) return 1;
  struct fkey key = {source, *(u32 *)(data + 30), *(u16 *)(data + 34), *(u16 *)(data + 36), data[23]};
  struct fval *value = map_lookup(htab, &key);
  if (!value) return found + 1;
  value->packets++;
  value->bytes += data_end - data;
  return 2;
}
