#include "../common.h"
// lengths of runs of bytes that share their upper bits
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(576);
  u32 run = 0, sum = 0;
  u8 last = data[320] & 0x80;
  ROLLED for (int i = 0; i < 256; i++) {
    u8 now = data[320 + i] & 0x80;
    if (now == last) {
      run++;
      continue;
    }
    sum = sum * 3 + run;
    run = 1;
    last = now;
  }
  return sum + run;
}
