/*
 * For bench/verifier.mjs: one XDP program of bounded loops that the verifier walks round by round: an automaton over the
 * bytes of the payload, a table in a map, a second loop over what was found.
 */
#define ARRAY_MAP
#include "../common.h"

#ifndef BYTES
#define BYTES 700
#endif

SEC("xdp") int search(struct xdp_md *ctx) {
  HDR(64);
  u32 state = 0, found = 0, sum = 0;
  u8 seen[64] = {};
  for (u32 i = 0; i < BYTES; i++) {
    u8 *at = data + 54 + i;
    if (at + 1 > data_end) break;
    u8 byte = *at;
    u32 key = (state << 8 | byte) & 1023;
    if (byte == 'G' || byte == 'P') state = 1;
    else if (byte == 'E' && state == 1) state = 2;
    else if (byte == 'T' && state == 2) state = 3;
    else if (byte == ' ' && state == 3) { found++; state = 0; }
    else state = 0;
    seen[i & 63] = byte;
    sum += byte * (i + 1);
    if ((i & 15) == 15) {
      u64 *weight = map_lookup(arr, &key);
      if (!weight) return 1;
      sum ^= *weight;
    }
  }
  for (u32 round = 0; round < 80; round++) {
    u32 left = 0;
    for (u32 i = 0; i < 64; i++) {
      left = left * 31 + seen[i];
      if (left > 1 << 20) left &= 0xffff;
    }
    sum += left;
  }
  return (sum ^ found) & 3;
}
