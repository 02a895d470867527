#include "../common.h"
// flows of ipv6, forty bytes of key
struct flow { u64 source[2], target[2]; u16 sport, dport; u32 protocol; };
MAP(flows, 1, struct flow, struct fval, 1024);
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(400);
  struct flow key;
  struct fval fresh = {1, 100};
  __builtin_memcpy(&key, data + 320, 36);
  key.protocol = data[23];
  struct fval *flow = map_lookup(&flows, &key);
  if (!flow) return map_update(&flows, &key, &fresh, 0) ? 9 : key.sport;
  flow->packets++;
  flow->bytes += 100;
  return key.sport;
}
