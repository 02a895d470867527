#include "../common.h"
// tickets, flags and a compare and exchange, all with the old value; plain ones before version 3
u64 ticket, flags, owner;
#if CPU >= 3
#define ADD(p, x) __sync_fetch_and_add(p, x)
#define OR(p, x) __sync_fetch_and_or(p, x)
#define AND(p, x) __sync_fetch_and_and(p, x)
#define SWAP(p, was, is) __sync_val_compare_and_swap(p, was, is)
#else
#define ADD(p, x) ({ u64 old = *(p); *(p) = old + (x); old; })
#define OR(p, x) ({ u64 old = *(p); *(p) = old | (x); old; })
#define AND(p, x) ({ u64 old = *(p); *(p) = old & (x); old; })
#define SWAP(p, was, is) ({ u64 old = *(p); if (old == (was)) *(p) = (is); old; })
#endif
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(336);
  u64 first = ADD(&ticket, 1), last = first;
  u32 sum = 0;
  ROLLED for (int i = 0; i < 4; i++) {
    u64 bit = 1ull << (data[320 + i] & 31);
    last = ADD(&ticket, 1);
    sum += !(OR(&flags, bit) & bit);
    sum += SWAP(&owner, 0, last) == 0;
    AND(&flags, ~bit);
    owner = 0;
  }
  return sum * 16 + (u32)(last - first);
}
