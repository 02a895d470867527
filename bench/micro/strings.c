#include "../common.h"
// which of eight words stands at each of 16 places, character by character until the end of the word
static const char words[8][8] = {"Host", "Accept", "User", "Agent", "Type", "text", "html", "json"};
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(512);
  u32 found = 0;
  ROLLED for (u32 word = 0; word < 8; word++)
    ROLLED for (u32 at = 110; at < 142; at++) {
      u32 k = 0;
      ROLLED for (; k < 7; k++) if (!words[word][k] || words[word][k] != data[at + k]) break;
      if (k > 2 && !words[word][k]) found = found * 9 + word + at;
    }
  return found;
}
