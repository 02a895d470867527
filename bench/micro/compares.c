#include "../common.h"
// thirty conditions that do not depend on each other, a bit for each
#define BIT(n, condition) if (condition) bits |= 1u << n
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(384);
  u8 *p = data + 320;
  u32 bits = 0;
  BIT(0, p[0] > 128); BIT(1, p[1] == 0x20); BIT(2, p[2] < 60); BIT(3, p[3] & 4); BIT(4, p[4] != p[5]);
  BIT(5, p[6] > p[7]); BIT(6, *(u16 *)(p + 8) > 1024); BIT(7, *(u16 *)(p + 10) == 443); BIT(8, p[12] & 0x80);
  BIT(9, *(u32 *)(p + 12) > 0x7fffffff); BIT(10, (signed char)p[16] < 0); BIT(11, *(int *)(p + 20) < -5);
  BIT(12, *(u64 *)(p + 24) > 1ull << 60); BIT(13, p[32] < p[33]); BIT(14, p[34] == 7); BIT(15, p[35] != 9);
  BIT(16, p[36] > 10); BIT(17, p[37] > 20); BIT(18, p[38] > 40); BIT(19, p[39] > 80); BIT(20, p[40] > 160);
  BIT(21, p[41] & 1); BIT(22, p[42] & 2); BIT(23, p[43] & 8); BIT(24, p[44] & 16); BIT(25, p[45] & 32);
  BIT(26, p[46] <= 100); BIT(27, p[47] >= 100); BIT(28, *(u16 *)(p + 48) < 30000); BIT(29, *(u32 *)(p + 52) & 1 << 30);
  return bits;
}
