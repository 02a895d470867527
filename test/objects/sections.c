/* One small program per kind of section, of the types that can be test-run and some that cannot. */
#include "bpf.h"

SEC("socket") int socket_program(struct __sk_buff *skb) { return skb->len; }
SEC("xdp") int xdp_program(struct xdp_md *ctx) { return XDP_PASS; }
SEC("xdp.frags") int xdp_frags_program(struct xdp_md *ctx) { return ctx->data_end - ctx->data > 60 ? XDP_DROP : XDP_PASS; }
SEC("tc") int tc_program(struct __sk_buff *skb) { return TC_ACT_OK; }
SEC("tcx/ingress") int tcx_program(struct __sk_buff *skb) { return TC_ACT_SHOT; }
SEC("action") int action_program(struct __sk_buff *skb) { return TC_ACT_OK; }
SEC("tracepoint/syscalls/sys_enter_openat") int tracepoint_program(__u64 *ctx) { return ctx[2] & 1; }
SEC("kprobe/do_sys_open") int kprobe_program(void *ctx) { return 0; }
SEC("raw_tp/sys_enter") int raw_tracepoint_program(__u64 *ctx) { return 0; }
SEC("cgroup_skb/ingress") int cgroup_program(struct __sk_buff *skb) { return 1; }
SEC("lwt_in") int lwt_program(struct __sk_buff *skb) { return 0; }
SEC("sk_lookup") int lookup_program(void *ctx) { return 1; }
SEC("?fentry/bpf_fentry_test1") int tracing_program(__u64 *ctx) { return 0; }

char _license[] SEC("license") = "GPL";
