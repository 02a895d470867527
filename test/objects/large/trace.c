/* Tracing tools: opens, execs, signals, latencies by histogram, off-CPU stacks, TCP lives, file reads by path, sampled stacks. */
#include "common.h"
#define __TARGET_ARCH_x86
struct pt_regs { unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss; };
#define PARM1(c) ((c)->di)
#define PARM2(c) ((c)->si)
#define PARM3(c) ((c)->dx)
#define PARM4(c) ((c)->cx)
#define RC(c) ((c)->ax)
struct bpf_perf_event_data { struct pt_regs regs; __u64 sample_period, addr; };
#define COMM 16
#define ARGSIZE 128
#define TOTAL_MAX_ARGS 60
#define FULL_MAX_ARGS (TOTAL_MAX_ARGS * ARGSIZE)
#define MAX_SLOTS 27
struct sys_enter { unsigned long long pad; long id; unsigned long args[6]; };
struct sys_exit { unsigned long long pad; long id; long ret; };
struct sched_switch { unsigned long long pad; char prev_comm[16]; int prev_pid, prev_prio; long prev_state; char next_comm[16]; int next_pid, next_prio; };
struct sched_wakeup { unsigned long long pad; char comm[16]; int pid, prio, target_cpu; };
struct block_rq { unsigned long long pad; unsigned int dev, pad2; unsigned long long sector; unsigned int nr, bytes; char rwbs[8]; char comm[16]; };
struct exec_event { int pid, ppid, uid, retval, args_count; unsigned int args_size; char comm[COMM]; char args[FULL_MAX_ARGS]; };
struct open_args { const char *fname; int flags; };
struct open_event { __u64 ts; int pid, uid, ret, flags; char comm[COMM]; char fname[255]; };
struct hist { __u32 slots[MAX_SLOTS]; char comm[COMM]; };
struct stack_key { __u32 pid, tgid; int user, kern; char name[COMM]; };
struct conn { __u32 saddr, daddr; __u16 sport, dport; __u64 ts, rx, tx; int pid; char comm[COMM]; };
const volatile int targ_tgid = 0, targ_uid = -1;
const volatile bool filter_cg = false, targ_ms = false, targ_failed = false, ignore_failed = true, per_thread = false, targ_per_process = true;
const volatile int max_args = 20;
const volatile __u64 min_block_ns = 1, max_block_ns = -1;
const volatile char targ_prefix[32] = "";
static const struct exec_event empty_event = {};
static struct hist zero_hist;
MAP(execs, BPF_MAP_TYPE_HASH, __u32, struct exec_event, 10240);
MAP(opens, BPF_MAP_TYPE_HASH, __u32, struct open_args, 10240);
MAP(starts, BPF_MAP_TYPE_HASH, __u32, __u64, 10240);
MAP(hists, BPF_MAP_TYPE_HASH, __u32, struct hist, 10240);
MAP(scratch, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct open_event, 1);
MAP(counts, BPF_MAP_TYPE_HASH, struct stack_key, __u64, 10240);
MAP(conns, BPF_MAP_TYPE_LRU_HASH, __u64, struct conn, 4096);
MAP(bios, BPF_MAP_TYPE_HASH, __u64, __u64, 10240);
struct { __uint(type, BPF_MAP_TYPE_CGROUP_ARRAY); __type(key, __u32); __type(value, __u32); __uint(max_entries, 1); } cgroup_map SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_STACK_TRACE); __uint(key_size, 4); __uint(value_size, 127 * 8); __uint(max_entries, 1024); } stackmap SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4); } perf SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 1 << 18); } rb SEC(".maps");

static __always_inline __u64 log2_32(__u32 v) { __u32 shift, r; r = (v > 0xFFFF) << 4; v >>= r; shift = (v > 0xFF) << 3; v >>= shift; r |= shift; shift = (v > 0xF) << 2; v >>= shift; r |= shift; shift = (v > 0x3) << 1; v >>= shift; r |= shift; r |= (v >> 1); return r; }
static __always_inline __u64 log2l(__u64 v) { __u32 hi = v >> 32; return hi ? log2_32(hi) + 32 : log2_32(v); }
static __always_inline void record(__u32 key, __u64 delta) {
  struct hist *h = bpf_map_lookup_elem(&hists, &key);
  if (!h) { bpf_map_update_elem(&hists, &key, &zero_hist, BPF_NOEXIST); h = bpf_map_lookup_elem(&hists, &key); if (!h) return; bpf_get_current_comm(&h->comm, sizeof h->comm); }
  delta /= targ_ms ? 1000000U : 1000U;
  __u64 slot = log2l(delta); if (slot >= MAX_SLOTS) slot = MAX_SLOTS - 1;
  __sync_fetch_and_add(&h->slots[slot], 1);
}
static __always_inline bool allowed(__u32 tgid, __u32 uid) { if (targ_tgid && targ_tgid != tgid) return false; if (targ_uid != -1 && (__u32)targ_uid != uid) return false; return true; }

SEC("tracepoint/syscalls/sys_enter_execve") int exec_enter(struct sys_enter *ctx) {
  if (filter_cg && !bpf_current_task_under_cgroup(&cgroup_map, 0)) return 0;
  __u32 uid = (__u32)bpf_get_current_uid_gid(); __u64 id = bpf_get_current_pid_tgid(); __u32 pid = id, tgid = id >> 32;
  if (!allowed(tgid, uid)) return 0;
  if (bpf_map_update_elem(&execs, &pid, &empty_event, BPF_NOEXIST)) return 0;
  struct exec_event *e = bpf_map_lookup_elem(&execs, &pid); if (!e) return 0;
  const char **args = (const char **)ctx->args[1]; const char *argp;
  e->pid = tgid; e->uid = uid; e->args_count = 0; e->args_size = 0;
  int ret = bpf_probe_read_user_str(e->args, ARGSIZE, (const char *)ctx->args[0]);
  if (ret < 0) return 0;
  if (ret <= ARGSIZE) e->args_size += ret; else { e->args[0] = '\0'; e->args_size++; }
  e->args_count++;
#pragma unroll
  for (int i = 1; i < TOTAL_MAX_ARGS && i < max_args; i++) {
    if (bpf_probe_read_user(&argp, sizeof argp, &args[i])) return 0;
    if (!argp) return 0;
    if (e->args_size > FULL_MAX_ARGS - ARGSIZE) return 0;
    ret = bpf_probe_read_user_str(&e->args[e->args_size], ARGSIZE, argp);
    if (ret < 0) return 0;
    e->args_count++; e->args_size += ret;
  }
  if (bpf_probe_read_user(&argp, sizeof argp, &args[max_args])) return 0;
  if (argp) e->args_count++;
  return 0;
}
SEC("tracepoint/syscalls/sys_exit_execve") int exec_exit(struct sys_exit *ctx) {
  __u32 pid = (__u32)bpf_get_current_pid_tgid(); struct exec_event *e = bpf_map_lookup_elem(&execs, &pid); if (!e) return 0;
  int ret = ctx->ret; if (ignore_failed && ret < 0) goto out;
  e->retval = ret; bpf_get_current_comm(&e->comm, sizeof e->comm);
  size_t len = offsetof(struct exec_event, args) + e->args_size;
  if (len <= sizeof *e) bpf_perf_event_output(ctx, &perf, BPF_F_CURRENT_CPU, e, len);
out:
  bpf_map_delete_elem(&execs, &pid); return 0;
}
SEC("tracepoint/syscalls/sys_enter_openat") int open_enter(struct sys_enter *ctx) {
  __u64 id = bpf_get_current_pid_tgid(); __u32 pid = id; if (!allowed(id >> 32, bpf_get_current_uid_gid())) return 0;
  struct open_args a = { .fname = (const char *)ctx->args[1], .flags = ctx->args[2] };
  bpf_map_update_elem(&opens, &pid, &a, 0); return 0;
}
static __always_inline bool has_prefix(const char *s) {
  for (int i = 0; i < sizeof targ_prefix; i++) { char c = targ_prefix[i]; if (!c) return true; if (s[i] != c) return false; }
  return true;
}
SEC("tracepoint/syscalls/sys_exit_openat") int open_exit(struct sys_exit *ctx) {
  __u32 pid = bpf_get_current_pid_tgid(), zero = 0; struct open_args *a = bpf_map_lookup_elem(&opens, &pid); if (!a) return 0;
  int ret = ctx->ret; struct open_event *e;
  if (targ_failed && ret >= 0) goto out;
  e = bpf_map_lookup_elem(&scratch, &zero); if (!e) goto out;
  e->ts = bpf_ktime_get_ns(); e->pid = bpf_get_current_pid_tgid() >> 32; e->uid = bpf_get_current_uid_gid(); e->ret = ret; e->flags = a->flags;
  bpf_get_current_comm(&e->comm, sizeof e->comm);
  long n = bpf_probe_read_user_str(&e->fname, sizeof e->fname, a->fname);
  if (n > 0 && has_prefix(e->fname)) {
    bpf_ringbuf_output(&rb, e, sizeof *e, 0);
    struct open_event *r = bpf_ringbuf_reserve(&rb, sizeof *r, 0);
    if (r) { __builtin_memcpy(r, e, 40); if (n > 255 || n < 1) { bpf_ringbuf_discard(r, 0); goto out; } bpf_probe_read_kernel(r->fname, n & 0xff, e->fname); bpf_ringbuf_submit(r, 0); }
  }
out:
  bpf_map_delete_elem(&opens, &pid); return 0;
}
SEC("raw_tracepoint/sched_wakeup") int wakeup(struct bpf_raw_tracepoint_args *ctx) {
  void *task = (void *)ctx->args[0]; int pid = 0, tgid = 0;
  bpf_probe_read_kernel(&pid, 4, task + 1256); bpf_probe_read_kernel(&tgid, 4, task + 1260);
  if (!pid || (targ_tgid && targ_tgid != tgid)) return 0;
  __u64 ts = bpf_ktime_get_ns(); bpf_map_update_elem(&starts, &pid, &ts, 0); return 0;
}
SEC("tracepoint/sched/sched_switch") int sched_switch(struct sched_switch *ctx) {
  __u32 pid = ctx->prev_pid, next = ctx->next_pid; __u64 ts = bpf_ktime_get_ns();
  if (ctx->prev_state == 0) bpf_map_update_elem(&starts, &pid, &ts, 0);
  __u64 *start = bpf_map_lookup_elem(&starts, &next); if (!start) return 0;
  long delta = ts - *start; if (delta < 0) goto cleanup;
  if (delta < min_block_ns || delta > max_block_ns) goto cleanup;
  record(targ_per_process ? next : -1, delta);
  struct stack_key k = { .pid = next, .tgid = pid, .user = -1 };
  k.kern = bpf_get_stackid(ctx, &stackmap, 0); if (per_thread) k.user = bpf_get_stackid(ctx, &stackmap, BPF_F_USER_STACK);
  __builtin_memcpy(k.name, ctx->next_comm, COMM);
  __u64 zero = 0, *c = bpf_map_lookup_elem(&counts, &k); if (!c) { bpf_map_update_elem(&counts, &k, &zero, BPF_NOEXIST); c = bpf_map_lookup_elem(&counts, &k); }
  if (c) __sync_fetch_and_add(c, delta / 1000);
cleanup:
  bpf_map_delete_elem(&starts, &next); return 0;
}
SEC("kprobe/tcp_v4_connect") int tcp_connect(struct pt_regs *ctx) { __u64 id = bpf_get_current_pid_tgid(); struct conn c = { .ts = bpf_ktime_get_ns(), .pid = id >> 32 }; void *sk = (void *)PARM1(ctx); __u64 k = (__u64)sk; bpf_get_current_comm(c.comm, sizeof c.comm); bpf_map_update_elem(&conns, &k, &c, 0); return 0; }
SEC("kretprobe/tcp_v4_connect") int tcp_connect_ret(struct pt_regs *ctx) { __u64 k = bpf_get_current_pid_tgid(); if (RC(ctx)) { bpf_map_delete_elem(&conns, &k); return 0; } struct conn *c = bpf_map_lookup_elem(&conns, &k); if (c) { c->ts = bpf_ktime_get_ns(); } return 0; }
SEC("kprobe/tcp_sendmsg") int tcp_send(struct pt_regs *ctx) {
  void *sk = (void *)PARM1(ctx); __u64 size = PARM3(ctx), k = (__u64)sk; struct conn *c = bpf_map_lookup_elem(&conns, &k); if (!c) return 0;
  struct { __u32 daddr, saddr; __u16 dport, sport; } common; if (bpf_probe_read_kernel(&common, sizeof common, sk)) return 0;
  c->saddr = common.saddr; c->daddr = common.daddr; c->dport = bpf_ntohs(common.dport); c->sport = common.sport; c->tx += size;
  if (c->tx > 1 << 20) { char fmt[] = "big %llu %d\n"; bpf_trace_printk(fmt, sizeof fmt, c->tx, c->pid); bpf_printk("conn %d %s", c->pid, c->comm); }
  return 0;
}
struct dent { void *parent; unsigned int hash, len; const char *name; };
SEC("kprobe/vfs_read") int vfs_read(struct pt_regs *ctx) {
  void *file = (void *)PARM1(ctx), *dentry = 0, *parent = 0; struct open_event *e; __u32 zero = 0;
  e = bpf_map_lookup_elem(&scratch, &zero); if (!e) return 0;
  bpf_probe_read_kernel(&dentry, 8, file + 24); unsigned int off = 0;
  for (int i = 0; i < 16; i++) {
    struct dent d = {}; if (!dentry || bpf_probe_read_kernel(&d, sizeof d, dentry + 24)) break;
    unsigned int len = d.len & 31; if (off > 255 - 64) break;
    if (bpf_probe_read_kernel(&e->fname[off & 127], len + 1, d.name)) break;
    off += len + 1; if (d.parent == dentry) break; dentry = d.parent;
  }
  e->ret = off; e->pid = bpf_get_current_pid_tgid() >> 32;
  bpf_perf_event_output(ctx, &perf, BPF_F_CURRENT_CPU, e, sizeof *e); return 0;
}
SEC("tp/block/block_rq_issue") int rq_issue(struct block_rq *ctx) { __u64 k = (__u64)ctx->dev << 32 ^ ctx->sector, ts = bpf_ktime_get_ns(); bpf_map_update_elem(&bios, &k, &ts, 0); return 0; }
SEC("tp/block/block_rq_complete") int rq_done(struct block_rq *ctx) {
  __u64 k = (__u64)ctx->dev << 32 ^ ctx->sector, *ts = bpf_map_lookup_elem(&bios, &k); if (!ts) return 0;
  __u64 d = bpf_ktime_get_ns() - *ts; __u32 slot = log2l(d); record(slot < MAX_SLOTS ? ctx->dev : 0, d); bpf_map_delete_elem(&bios, &k);
  if (ctx->rwbs[0] == 'W' || ctx->rwbs[1] == 'W') record(1, ctx->bytes); return 0;
}
SEC("perf_event") int sample(struct bpf_perf_event_data *ctx) {
  __u64 id = bpf_get_current_pid_tgid(), one = 1, *v; __u32 tgid = id >> 32; if (!tgid && !targ_failed) return 0; if (!allowed(tgid, 0)) return 0;
  struct stack_key k = { .pid = per_thread ? (__u32)id : tgid, .tgid = tgid }; bpf_get_current_comm(&k.name, sizeof k.name);
  k.user = bpf_get_stackid(ctx, &stackmap, BPF_F_USER_STACK | BPF_F_FAST_STACK_CMP); k.kern = bpf_get_stackid(ctx, &stackmap, BPF_F_REUSE_STACKID);
  if (k.kern >= 0) { __u64 ip = ctx->regs.ip; if (ip >= 0xffff888000000000ull) k.kern = -2; }
  struct bpf_perf_event_value pv = {}; if (!bpf_perf_prog_read_value(ctx, &pv, sizeof pv) && pv.running) one = pv.counter / pv.running * ctx->sample_period;
  v = bpf_map_lookup_elem(&counts, &k); if (v) __sync_fetch_and_add(v, one); else bpf_map_update_elem(&counts, &k, &one, 0);
  __u64 ips[32]; long n = bpf_get_stack(ctx, ips, sizeof ips, 0); if (n > 0) for (int i = 0; i < 32; i++) { if (i * 8 >= n) break; if (ips[i] == ctx->addr) bpf_ringbuf_output(&rb, ips, n < 256 ? n : 256, 0); }
  return 0;
}
SEC("uprobe/readline") int readline(struct pt_regs *ctx) { struct { int pid; char str[80]; } e = {}; if (!RC(ctx)) return 0; e.pid = bpf_get_current_pid_tgid() >> 32; bpf_probe_read_user_str(e.str, sizeof e.str, (void *)RC(ctx)); bpf_perf_event_output(ctx, &perf, BPF_F_CURRENT_CPU, &e, sizeof e); return 0; }
char _license[] SEC("license") = "GPL";
