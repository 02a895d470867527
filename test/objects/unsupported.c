/* What a loader finds beside plain maps and programs: CO-RE, externs, maps in maps, program arrays. */
#include "bpf.h"

struct task_struct {
  int pid;
} __attribute__((preserve_access_index));

extern int LINUX_KERNEL_VERSION __attribute__((section(".kconfig")));
extern const void bpf_prog_active __attribute__((section(".ksyms")));
extern int bpf_kfunc_call(int x) __attribute__((section(".ksyms")));

struct inner {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} inner_one SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, 2);
  __type(key, __u32);
  __array(values, struct inner);
} outer SEC(".maps") = {.values = {(void *)0, &inner_one}};

int target(struct __sk_buff *skb);
struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 4);
  __uint(key_size, 4);
  __array(values, int(void *));
} jumps SEC(".maps") = {.values = {[2] = (void *)&target}};

SEC("socket") int target(struct __sk_buff *skb) { return 1; }
SEC("socket") int plain(struct __sk_buff *skb) { return skb->len; }
SEC("?socket") int uses_core(struct task_struct *task) { return task->pid; }
SEC("?socket") int uses_kconfig(struct __sk_buff *skb) { return LINUX_KERNEL_VERSION; }
SEC("?socket") int uses_ksym(struct __sk_buff *skb) { return (long)&bpf_prog_active; }
SEC("?socket") int uses_kfunc(struct __sk_buff *skb) { return bpf_kfunc_call(1); }

char _license[] SEC("license") = "GPL";
