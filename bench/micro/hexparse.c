#include "../common.h"
// reads hexadecimal digits out of 128 characters, others part the numbers
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(186);
  u32 sum = 0, number = 0;
  ROLLED for (int i = 0; i < 128; i++) {
    u8 c = data[58 + i], low = c | 0x20;
    if (c >= '0' && c <= '9') number = number << 4 | (c - '0');
    else if (low >= 'a' && low <= 'f') number = number << 4 | (low - 'a' + 10);
    else {
      sum = sum * 3 + number;
      number = 0;
    }
  }
  return sum;
}
