/* Global functions and callbacks: one rule of the verifier each. The test says what is refused, and how. */
#include "bpf.h"

#define TAG(text) __attribute__((btf_decl_tag(text)))

struct pair {
  __u32 a, b;
  __u64 c;
};
struct opaque;

static __u32 (*random_number)(void) = (void *)7;
static long (*loop)(__u32 rounds, void *callback, void *ctx, __u64 flags) = (void *)181;

__noinline int add(int a, __u64 b) { return a + b; }
__noinline int chain(__u32 a) { return a > 10 ? add(a, 3) : random_number(); }
__noinline int through(struct pair *p) {
  if (!p)
    return 0;
  p->a = 1;
  return p->b;
}
__noinline int sure(struct pair *p TAG("arg:nonnull")) { return p->b; }
__noinline int unsure(struct pair *p) { return p->b; }
__noinline int beyond(struct pair *p) { return p ? ((__u32 *)p)[4] : 0; }
__noinline int of_context(struct __sk_buff *skb) { return skb->len; }
__noinline int of_anything(void *p) { return p != 0; }
__noinline int of_opaque(struct opaque *p) { return p != 0; }
__noinline void nothing(int a) { random_number(); }
__noinline int address(struct __sk_buff *skb) {
  int r;
  asm volatile("%0 = %1" : "=r"(r) : "r"(skb));
  return r;
}

struct sum {
  __u64 total;
};
static long step(__u32 i, struct sum *sum) {
  sum->total += i;
  return 0;
}
static long stop(__u32 i, struct sum *sum) { return 1; }
static long wrong(__u32 i, struct sum *sum) { return 2; }

#define PROGRAM(name, body...)                                                                                         \
  SEC("?socket") int name(struct __sk_buff *skb) {                                                                      \
    struct pair pair = {1, 2, 3};                                                                                      \
    struct sum sum = {};                                                                                               \
    __u32 x = skb->len;                                                                                                \
    body                                                                                                               \
  }
PROGRAM(numbers, return add(x, 3);)
PROGRAM(two_deep, return chain(x);)
PROGRAM(memory, return through(&pair) + pair.a;)
PROGRAM(null_memory, return through(0);)
PROGRAM(nonnull, pair.b = x; return sure(&pair);)
PROGRAM(unchecked, pair.b = x; return unsure(&pair);)
PROGRAM(behind_memory, pair.b = x; return beyond(&pair);)
PROGRAM(too_small, __u32 small = x; return through((void *)&small);)
PROGRAM(context, return of_context(skb);)
PROGRAM(no_context, pair.b = x; return of_context((void *)&pair);)
PROGRAM(context_as_memory, return through((void *)skb);)
PROGRAM(pointer_as_number, return add((long)skb, 3);)
PROGRAM(void_pointer, pair.b = x; return of_anything(&pair);)
PROGRAM(opaque_pointer, pair.b = x; return of_opaque((void *)&pair);)
PROGRAM(no_result, nothing(x); return 0;)
PROGRAM(pointer_result, return address(skb);)
PROGRAM(sum_up, loop(x & 63, step, &sum, 0); return sum.total;)
PROGRAM(stop_at_once, return loop(10, stop, &sum, 0);)
PROGRAM(wrong_result, return loop(10, wrong, &sum, 0);)

char _license[] SEC("license") = "GPL";
