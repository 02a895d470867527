#include "../common.h"
// fourteen fields of a packet that are all needed at the end, with conditions between
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(54);
  u32 source = *(u32 *)(data + 26), target = *(u32 *)(data + 30), seq = *(u32 *)(data + 38), ack = *(u32 *)(data + 42);
  u16 sport = *(u16 *)(data + 34), dport = *(u16 *)(data + 36), window = *(u16 *)(data + 48), id = *(u16 *)(data + 18);
  u8 ttl = data[22], protocol = data[23], tos = data[15], flags = data[47], offset = data[46], version = data[14];
  u32 score = 0;
  if (sport > dport) score += source ^ ack;
  if (ttl < 65) score += window * protocol;
  if (flags & 2) score ^= seq;
  if (seq > ack) score += id * ttl;
  if (tos) score -= target;
  if (offset > 0x50) score += version;
  return score + source * 3 + target * 5 + seq * 7 + ack * 11 + sport * 13 + dport * 17 + window * 19 + id * 23 +
    ttl * 29 + protocol * 31 + tos * 37 + flags * 41 + offset * 43 + version * 47;
}
