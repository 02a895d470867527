/* Global variables in every data section; a program that reads and writes them. */
#include "bpf.h"

const volatile __u32 threshold = 100;
const volatile char greeting[] = "hello";
static const __u32 table[4] = {3, 1, 4, 1};

__u64 seen = 7;
static volatile __u32 hidden_start = 5;
struct {
  __u32 a;
  __u16 b[3];
} pair = {0x11223344, {1, 2, 3}};
__u64 zeroed;
__u32 longer[10];
int custom SEC(".data.custom") = -9;
const volatile int knob SEC(".rodata.knobs") = 12;

SEC("socket")
int use_globals(struct __sk_buff *skb) {
  static __u32 calls; /* a function's own static variable */
  calls++;
  seen++;
  zeroed += skb->len;
  longer[skb->len & 7]++;
  pair.a += hidden_start;
  custom += knob;
  if (skb->len > threshold)
    return greeting[1];
  return table[skb->protocol & 3] + calls;
}

char _license[] SEC("license") = "Dual MIT/GPL";
__u32 _version SEC("version") = 0x61200;
