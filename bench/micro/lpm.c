#include "../common.h"
// the longest of some prefixes of ipv4, for four addresses; the first run fills the trie
struct prefix { u32 length; u8 address[4]; };
struct {
  __uint(type, 11); /* BPF_MAP_TYPE_LPM_TRIE */
  __uint(map_flags, 1); /* BPF_F_NO_PREALLOC */
  __uint(max_entries, 64);
  __type(key, struct prefix);
  __type(value, u32);
} routes SEC(".maps");
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(336);
  struct prefix all = {0, {}}, key = {32, {}};
  u32 value = 1, sum = 0;
  if (!map_lookup(&routes, &key)) {
    map_update(&routes, &all, &value, 0);
    ROLLED for (u32 i = 0; i < 24; i++) {
      struct prefix p = {4 + i, {data[320 + (i & 15)], data[321 + (i & 3)], data[322 + (i & 3)], 9}};
      value = 2 + i;
      map_update(&routes, &p, &value, 0);
    }
  }
  ROLLED for (u32 i = 0; i < 4; i++) {
    __builtin_memcpy(key.address, data + 320 + i, 4);
    u32 *route = map_lookup(&routes, &key);
    sum = sum * 31 + (route ? *route : 0);
  }
  return sum;
}
