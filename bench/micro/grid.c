#include "../common.h"
// two generations of life on a torus of 8 by 8 in global data
u8 cells[2][8][8];
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(384);
  ROLLED for (u32 i = 0; i < 64; i++) cells[0][i >> 3][i & 7] = data[320 + i] & 1;
  ROLLED for (u32 turn = 0; turn < 2; turn++)
    ROLLED for (u32 y = 0; y < 8; y++)
      ROLLED for (u32 x = 0; x < 8; x++) {
        u8(*c)[8] = cells[turn & 1];
        u32 up = (y - 1) & 7, down = (y + 1) & 7, left = (x - 1) & 7, right = (x + 1) & 7;
        u32 near = c[up][left] + c[up][x] + c[up][right] + c[y][left] + c[y][right] + c[down][left] + c[down][x] + c[down][right];
        cells[~turn & 1][y][x] = near == 3 || (near == 2 && c[y][x]);
      }
  u32 sum = 0;
  ROLLED for (u32 i = 0; i < 64; i++) sum = sum * 3 + cells[0][i >> 3][i & 7];
  return sum;
}
