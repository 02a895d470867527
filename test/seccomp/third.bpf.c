/*
 * Refuses every third call of socket(2), which no classic filter can do: they have no memory.
 * Built with: clang-16 -O2 -g -target bpf -mcpu=v3 -I../objects -c third.bpf.c -o third.bpf.o; llvm-strip-16 --strip-debug third.bpf.o
 */
#include "bpf.h"

struct seccomp_data {
  __s32 nr;
  __u32 arch;
  __u64 instruction_pointer;
  __u64 args[6];
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} calls SEC(".maps");

static void *(*lookup)(void *map, const void *key) = (void *)1;

SEC("seccomp")
int third(struct seccomp_data *ctx)
{
  __u32 key = 0;
  __u64 *count;

  if (ctx->nr != 41)
    return 0x7fff0000;
  count = lookup(&calls, &key);
  if (!count)
    return 0x80000000;
  *count += 1;
  return *count % 3 == 0 ? 0x50001 : 0x7fff0000;
}

char lic[] SEC("license") = "Dual BSD/GPL";
