#include "../common.h"
// a socket filter that reads the packet the older way: bytes, halves and words at offsets, one of them variable
u64 load_byte(void *skb, u64 at) __asm__("llvm.bpf.load.byte");
u64 load_half(void *skb, u64 at) __asm__("llvm.bpf.load.half");
u64 load_word(void *skb, u64 at) __asm__("llvm.bpf.load.word");
SEC("socket") int prog(void *skb) {
  if (load_half(skb, 12) != 0x0800) return 0;
  u32 header = (load_byte(skb, 14) & 15) * 4;
  if (load_byte(skb, 23) != 6) return 1;
  return load_word(skb, 26) + load_word(skb, 30) + load_half(skb, 14 + header) + load_half(skb, 16 + header);
}
