#include "../common.h"
// two numbers into a queue and out of it again, and one onto a stack
static long (*push)(void *map, const void *value, u64 flags) = (void *)87;
static long (*pop)(void *map, void *value) = (void *)88;
struct { __uint(type, 22); __uint(max_entries, 64); __type(value, u64); } queue SEC(".maps");
struct { __uint(type, 23); __uint(max_entries, 64); __type(value, u64); } stack SEC(".maps");
SEC("xdp") int prog(struct xdp_md *ctx) {
  HDR(34);
  u64 value = *(u32 *)(data + 26), other = *(u32 *)(data + 30), sum = 0;
  push(&queue, &value, 0);
  push(&queue, &other, 0);
  push(&stack, &value, 0);
  pop(&queue, &value);
  pop(&queue, &other);
  pop(&stack, &sum);
  return sum + value + other;
}
