#include "common.h"
// forwards an ipv4 packet: swaps the addresses of the frame, takes one from the ttl, mends the checksum
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(34);
  if (*(u16 *)(data + 12) != 0x0008) return 2;
  u8 ttl = data[22];
  if (ttl <= 1) return 1;
  u16 *mac = (u16 *)data;
  for (int i = 0; i < 3; i++) {
    u16 word = mac[i];
    mac[i] = mac[i + 3];
    mac[i + 3] = word;
  }
  u32 sum = *(u16 *)(data + 24) + 1;
  *(u16 *)(data + 24) = sum + (sum >> 16);
  data[22] = ttl - 1;
  return 3;
}
