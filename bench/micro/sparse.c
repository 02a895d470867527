#include "../common.h"
// a switch over 24 ports that are far apart, 32 times
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(448);
  u32 sum = 0;
  ROLLED for (int i = 0; i < 32; i++) {
    u32 port = data[320 + i] * 37;
    switch (port) {
      case 22 * 37: sum += 1; break;
      case 25 * 37: sum += 7; break;
      case 53 * 37: sum ^= 3; break;
      case 67 * 37: sum *= 3; break;
      case 80 * 37: sum += 11; break;
      case 88 * 37: sum -= 2; break;
      case 110 * 37: sum ^= 9; break;
      case 119 * 37: sum += 13; break;
      case 123 * 37: sum *= 5; break;
      case 137 * 37: sum += 17; break;
      case 143 * 37: sum ^= 19; break;
      case 161 * 37: sum += 23; break;
      case 179 * 37: sum -= 29; break;
      case 194 * 37: sum *= 7; break;
      case 199 * 37: sum += 31; break;
      case 201 * 37: sum ^= 37; break;
      case 213 * 37: sum += 41; break;
      case 220 * 37: sum -= 43; break;
      case 244 * 37: sum *= 9; break;
      case 253 * 37: sum += 47; break;
      default: sum += port & 7;
    }
  }
  return sum;
}
