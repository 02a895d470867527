/* Settings of the kernel as variables: each program returns one, so that a test can see what the loader found. */
#include "bpf.h"

typedef _Bool bool;
enum libbpf_tristate { TRI_NO, TRI_YES, TRI_MODULE };
#define __kconfig __attribute__((section(".kconfig")))
#define __weak __attribute__((weak))

extern int LINUX_KERNEL_VERSION __kconfig;
extern int CONFIG_HZ __kconfig;
extern bool CONFIG_BPF_SYSCALL __kconfig;
extern enum libbpf_tristate CONFIG_NET __kconfig;
extern enum libbpf_tristate CONFIG_NO_SUCH_THING __kconfig __weak;
extern char CONFIG_BPF_JIT __kconfig;
extern char CONFIG_DEFAULT_HOSTNAME[8] __kconfig;

SEC("tc") int version(struct __sk_buff *skb) { return LINUX_KERNEL_VERSION >> 8; }
SEC("tc") int hz(struct __sk_buff *skb) { return CONFIG_HZ; }
SEC("tc") int is_on(struct __sk_buff *skb) { return CONFIG_BPF_SYSCALL; }
SEC("tc") int tristate(struct __sk_buff *skb) { return CONFIG_NET * 10 + CONFIG_NO_SUCH_THING; }
SEC("tc") int letter(struct __sk_buff *skb) { return CONFIG_BPF_JIT; }
SEC("tc") int text(struct __sk_buff *skb) {
  return CONFIG_DEFAULT_HOSTNAME[0] << 16 | CONFIG_DEFAULT_HOSTNAME[1] << 8 | CONFIG_DEFAULT_HOSTNAME[7];
}
/* The verifier knows the value: the other branch is dead, and would be refused. */
SEC("tc") int is_known(struct __sk_buff *skb) { return CONFIG_HZ ? 1 : *(volatile int *)0; }
