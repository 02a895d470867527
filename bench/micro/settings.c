#include "../common.h"
// a table of rules and counters in .data, .bss and .rodata
struct rule { u32 net, mask; u16 low, high; u32 verdict; };
struct rule rules[8] = {
  {0x000a0000, 0xffff0000, 0, 65535, 1}, {0x0000000a, 0x000000ff, 1, 100, 2}, {0x0000007f, 0x000000ff, 0, 65535, 3},
  {0x000010ac, 0x0000f0ff, 0, 65535, 4}, {0x0000a8c0, 0x0000ffff, 0, 65535, 5}, {0x0000010a, 0x0000ffff, 8000, 9000, 6},
  {0x0302010a, 0xffffffff, 400, 500, 7}, {0, 0, 0, 65535, 8},
};
const volatile u32 weights[8] = {3, 5, 7, 11, 13, 17, 19, 23};
u64 hits[8];
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(38);
  u32 source = *(u32 *)(data + 26);
  u16 port = __builtin_bswap16(*(u16 *)(data + 36));
  ROLLED for (u32 i = 0; i < 8; i++) {
    struct rule *r = &rules[i];
    if ((source & r->mask) != r->net || port < r->low || port > r->high) continue;
    hits[i]++;
    return r->verdict * weights[i];
  }
  return 0;
}
