/*
 * Programs attached by the kernel's types: tracepoints, iterators, and congestion control. Of the kernel's structs only the
 * members that are used are declared: where they lie is found when the object is loaded.
 */
#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char _license[] SEC("license") = "GPL";

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct mm_struct;
struct task_struct { int pid; int tgid; char comm[16]; struct task_struct *real_parent; struct mm_struct *mm; };
struct sock_common { unsigned short skc_dport; unsigned short skc_family; };
struct sock { struct sock_common __sk_common; };
struct tcp_sock { __u32 snd_cwnd; __u32 snd_ssthresh; __u32 snd_cwnd_cnt; __u32 prior_cwnd; __u32 mss_cache; };
struct net_device { int ifindex; };
struct sk_buff { unsigned int len; struct net_device *dev; };
struct path { struct dentry *dentry; };
struct file { struct path f_path; };
struct vm_area_struct { struct file *vm_file; };
struct ack_sample { __u32 pkts_acked; __s32 rtt_us; };
struct seq_file;
struct bpf_iter_meta { struct seq_file *seq; __u64 session_id; __u64 seq_num; };
struct bpf_iter__task { struct bpf_iter_meta *meta; struct task_struct *task; };
struct bpf_iter__task_vma { struct bpf_iter_meta *meta; struct task_struct *task; struct vm_area_struct *vma; };
struct bpf_iter__tcp { struct bpf_iter_meta *meta; struct sock_common *sk_common; unsigned uid; };
struct bpf_iter__bpf_map_elem { struct bpf_iter_meta *meta; struct bpf_map *map; void *key; void *value; };
struct nf_hook_state { __u8 hook; };
struct bpf_nf_ctx { const struct nf_hook_state *state; struct sk_buff *skb; };
struct tcp_congestion_ops {
  __u32 (*ssthresh)(struct sock *);
  void (*cong_avoid)(struct sock *, __u32, __u32);
  void (*set_state)(struct sock *, __u8);
  void (*pkts_acked)(struct sock *, const struct ack_sample *);
  __u32 (*undo_cwnd)(struct sock *);
  char name[16];
};
#pragma clang attribute pop

struct event { int pid; int parent; __u64 waited; char comm[16]; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } events SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_TASK_STORAGE); __uint(map_flags, BPF_F_NO_PREALLOC); __type(key, int); __type(value, __u64); } woken SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 100); __type(key, int); __type(value, __u64); } counts SEC(".maps");

SEC("tp_btf/sched_wakeup") int BPF_PROG(wakeup, struct task_struct *task) {
  __u64 *at = bpf_task_storage_get(&woken, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (at) *at = bpf_ktime_get_ns();
  return 0;
}

SEC("tp_btf/sched_switch") int BPF_PROG(switched, bool preempt, struct task_struct *prev, struct task_struct *next) {
  __u64 *at = bpf_task_storage_get(&woken, next, 0, 0);
  struct event *event = at ? bpf_ringbuf_reserve(&events, sizeof *event, 0) : 0;
  if (!event) return 0;
  event->pid = next->pid;
  event->parent = next->real_parent->tgid;
  event->waited = bpf_ktime_get_ns() - *at;
  bpf_probe_read_kernel_str(event->comm, sizeof event->comm, next->comm);
  bpf_ringbuf_submit(event, 0);
  return 0;
}

SEC("tp_btf/kfree_skb") int BPF_PROG(dropped, struct sk_buff *skb, void *location, int reason, struct sock *rx) {
  __u64 value = skb->len;
  if (skb->dev) value += skb->dev->ifindex;
  if (rx) value += rx->__sk_common.skc_family;
  bpf_map_update_elem(&counts, &reason, &value, 0);
  return 0;
}

/* Refused: the receiver may be NULL. */
SEC("tp_btf/kfree_skb") int BPF_PROG(dropped_unchecked, struct sk_buff *skb, void *location, int reason, struct sock *rx) {
  return rx->__sk_common.skc_family;
}

SEC("iter/task") int tasks(struct bpf_iter__task *ctx) {
  struct task_struct *task = ctx->task;
  if (task && task->mm) BPF_SEQ_PRINTF(ctx->meta->seq, "%8d %8d\n", task->tgid, task->pid);
  return 0;
}

SEC("iter/task_vma") int mappings(struct bpf_iter__task_vma *ctx) {
  struct vm_area_struct *vma = ctx->vma;
  struct file *file = vma ? vma->vm_file : 0;
  char path[64];
  if (file && bpf_d_path(&file->f_path, path, sizeof path) > 0) BPF_SEQ_PRINTF(ctx->meta->seq, "%s\n", path);
  return 0;
}

SEC("iter/tcp") int connections(struct bpf_iter__tcp *ctx) {
  struct sock_common *sk = ctx->sk_common;
  struct tcp_sock *tcp = sk ? bpf_skc_to_tcp_sock(sk) : 0;
  if (tcp) BPF_SEQ_PRINTF(ctx->meta->seq, "%u %u\n", tcp->snd_cwnd, ctx->uid);
  return 0;
}

SEC("iter/bpf_map_elem") int elements(struct bpf_iter__bpf_map_elem *ctx) {
  __u64 *value = ctx->value;
  if (!value || !ctx->key) return 0;
  bpf_seq_write(ctx->meta->seq, value, sizeof *value);
  *value = 0;
  return 0;
}

/* Refused: the walk goes on or ends, there is no third way. */
SEC("iter/task") int task_number(struct bpf_iter__task *ctx) {
  struct task_struct *task = ctx->task;
  return task ? task->pid : 0;
}

SEC("struct_ops") __u32 BPF_PROG(threshold, struct sock *sk) { return ((struct tcp_sock *)sk)->snd_cwnd / 2; }

SEC("struct_ops") void BPF_PROG(avoid, struct sock *sk, __u32 ack, __u32 acked) {
  struct tcp_sock *tcp = (struct tcp_sock *)sk;
  if (tcp->snd_cwnd < tcp->snd_ssthresh) {
    tcp->snd_cwnd += acked;
  } else if (++tcp->snd_cwnd_cnt >= tcp->snd_cwnd) {
    tcp->snd_cwnd++;
    tcp->snd_cwnd_cnt = 0;
  }
}

SEC("struct_ops") void BPF_PROG(acknowledged, struct sock *sk, const struct ack_sample *sample) {
  if (sample->pkts_acked) ((struct tcp_sock *)sk)->snd_cwnd = sample->rtt_us;
}

SEC("struct_ops") __u32 BPF_PROG(undo, struct sock *sk) {
  struct tcp_sock *tcp = (struct tcp_sock *)sk;
  return tcp->snd_cwnd > tcp->prior_cwnd ? tcp->snd_cwnd : tcp->prior_cwnd;
}

/* Refused: congestion control does not decide how large segments are. */
SEC("struct_ops") void BPF_PROG(state, struct sock *sk, __u8 state) { ((struct tcp_sock *)sk)->mss_cache = 1; }

SEC(".struct_ops") struct tcp_congestion_ops control = {
  .ssthresh = (void *)threshold,
  .cong_avoid = (void *)avoid,
  .set_state = (void *)state,
  .pkts_acked = (void *)acknowledged,
  .undo_cwnd = (void *)undo,
  .name = "bpf_control",
};

SEC("netfilter") int filter(struct bpf_nf_ctx *ctx) { return ctx->state->hook == 1 && ctx->skb->len > 100; }

/* Never loaded by the kernel of the profile. */
SEC("fentry/do_unlinkat") int BPF_PROG(unlinked, int dir) { return 0; }
SEC("lsm/file_open") int BPF_PROG(opened, struct file *file) { return 0; }

/* There is no such tracepoint. */
SEC("tp_btf/no_such_tracepoint") int BPF_PROG(nowhere) { return 0; }
