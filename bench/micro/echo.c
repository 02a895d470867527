#include "../common.h"
// answers a ping: addresses change places, type and checksum change; and back, for the next run
ALWAYS void swap32(u8 *a, u8 *b) {
  u32 old = *(u32 *)a;
  *(u32 *)a = *(u32 *)b;
  *(u32 *)b = old;
}
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(42);
  if (*(u16 *)(data + 12) != 0x0008) return 1;
  u8 *icmp = data + 34;
  swap32(data, data + 6);
  u16 old = *(u16 *)(data + 4);
  *(u16 *)(data + 4) = *(u16 *)(data + 10);
  *(u16 *)(data + 10) = old;
  swap32(data + 26, data + 30);
  u32 sum = *(u16 *)(icmp + 2) + (icmp[0] == 8 ? 8 : 0xfff7);
  icmp[0] ^= 8;
  *(u16 *)(icmp + 2) = sum + (sum >> 16);
  return (data[0] ^ data[6] ^ data[26] ^ data[30]) & 0xff;
}
