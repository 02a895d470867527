#include "../common.h"
// adds up the decimal numbers in a request's head
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(314);
  u32 sum = 0, number = 0;
  ROLLED for (int i = 0; i < 256; i++) {
    u32 digit = data[58 + i] - '0';
    if (digit < 10) number = number * 10 + digit;
    else {
      sum += number;
      number = 0;
    }
  }
  return sum;
}
