/* A security monitor: events built argument by argument in a per-CPU buffer, filters, prefix tries, tail-called syscall handlers. */
#include "common.h"
#define BUF_SIZE (1 << 15)
#define MAX_STR 4096
#define MAX_ARR 38
#define BUF_MASK (BUF_SIZE - 1)
#define HALF_MASK ((BUF_SIZE >> 1) - 1)
struct buf { __u8 data[BUF_SIZE]; };
struct ctx_task { __u64 ts, cgroup; __u32 pid, tid, ppid, host_pid, uid, mntns, pidns; char comm[16], uts[16]; __u32 flags; };
struct ev_ctx { struct ctx_task task; __u32 id; __s64 retval; __u32 stack; __u16 cpu; __u8 argnum, pad; };
struct event { struct ev_ctx ctx; __u32 off; __u8 args[BUF_SIZE - 512]; };
struct args { unsigned long a[6]; };
struct syscall_data { __u32 id; struct args args; __u64 ts; unsigned long ret; };
struct config { __u32 flags, tracee_pid; __u64 events[8]; __u64 types; __u16 policies; __u8 pad[6]; };
struct filter { __u64 eq, eq_set; };
struct trie_key { __u32 prefixlen; char str[64]; };
struct policy { __u64 uid_max, uid_min; __u64 enabled; };
struct bpf_raw { __u64 args[3]; };
MAP(bufs, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct buf, 3);
MAP(event_data, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct event, 1);
MAP(config_map, BPF_MAP_TYPE_ARRAY, __u32, struct config, 1);
MAP(syscalls, BPF_MAP_TYPE_LRU_HASH, __u32, struct syscall_data, 10240);
MAP(uid_filter, BPF_MAP_TYPE_HASH, __u32, struct filter, 256);
MAP(comm_filter, BPF_MAP_TYPE_HASH, char[16], struct filter, 256);
MAP(bin_filter, BPF_MAP_TYPE_HASH, __u64, struct filter, 256);
MAP(params, BPF_MAP_TYPE_HASH, __u32, __u64, 512);
struct { __uint(type, BPF_MAP_TYPE_LPM_TRIE); __type(key, struct trie_key); __type(value, struct filter); __uint(max_entries, 256); __uint(map_flags, BPF_F_NO_PREALLOC); } path_filter SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(key_size, 4); __uint(value_size, 4); __uint(max_entries, 512); } sys_enter_tails SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(key_size, 4); __uint(value_size, 4); __uint(max_entries, 512); } sys_exit_tails SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4); __uint(max_entries, 1024); } events SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_STACK_TRACE); __uint(key_size, 4); __uint(value_size, 160); __uint(max_entries, 1024); } stacks SEC(".maps");

static __always_inline struct buf *get_buf(int i) { return bpf_map_lookup_elem(&bufs, &i); }
static __always_inline int init_task(struct ctx_task *t) {
  __u64 id = bpf_get_current_pid_tgid(); t->tid = id; t->pid = id >> 32; t->uid = bpf_get_current_uid_gid(); t->ts = bpf_ktime_get_ns(); t->cgroup = bpf_get_current_cgroup_id();
  __builtin_memset(t->comm, 0, 16); bpf_get_current_comm(t->comm, 16);
  void *task = (void *)bpf_get_current_task(), *parent = 0, *ns = 0; bpf_probe_read_kernel(&parent, 8, task + 1272); if (parent) bpf_probe_read_kernel(&t->ppid, 4, parent + 1260);
  bpf_probe_read_kernel(&ns, 8, task + 2760); if (ns) { void *uts = 0; bpf_probe_read_kernel(&uts, 8, ns + 8); if (uts) bpf_probe_read_kernel_str(t->uts, 16, uts + 65); }
  return 0;
}
static __always_inline struct event *init_event(void *ctx, __u32 id) {
  __u32 zero = 0; struct event *e = bpf_map_lookup_elem(&event_data, &zero); if (!e) return 0;
  init_task(&e->ctx.task); e->ctx.id = id; e->ctx.argnum = 0; e->ctx.retval = 0; e->off = 0; e->ctx.cpu = bpf_get_smp_processor_id(); e->ctx.stack = 0;
  return e;
}
static __always_inline __u64 match_filters(struct event *e, struct config *c) {
  __u64 res = ~0ULL, mask = c->events[e->ctx.id & 7]; __u32 uid = e->ctx.task.uid;
  if (c->flags & 1) { struct filter *f = bpf_map_lookup_elem(&uid_filter, &uid); __u64 eq = 0, set = 0; if (f) { eq = f->eq; set = f->eq_set; } res &= eq ^ (mask & ~set); }
  if (c->flags & 2) { struct filter *f = bpf_map_lookup_elem(&comm_filter, e->ctx.task.comm); __u64 eq = 0, set = 0; if (f) { eq = f->eq; set = f->eq_set; } res &= eq ^ (mask & ~set); }
  if (c->flags & 4) { __u64 k = e->ctx.task.cgroup; struct filter *f = bpf_map_lookup_elem(&bin_filter, &k); if (f) res &= f->eq; }
  return res & c->policies;
}
static __always_inline int save(struct event *e, void *p, __u32 size, __u8 idx) {
  if (size == 0) return 0;
  if (e->off > sizeof e->args - (MAX_STR + 5)) return 0;
  e->args[e->off] = idx;
  if (bpf_probe_read_kernel(&e->args[e->off + 1], size & (MAX_STR - 1), p) == 0) { e->off += size + 1; e->ctx.argnum++; return 1; }
  return 0;
}
static __always_inline int save_str(struct event *e, const void *p, __u8 idx, bool user) {
  if (e->off > sizeof e->args - (MAX_STR + 1 + sizeof(int))) return 0;
  e->args[e->off] = idx;
  int sz = user ? bpf_probe_read_user_str(&e->args[e->off + 1 + sizeof(int)], MAX_STR, p) : bpf_probe_read_kernel_str(&e->args[e->off + 1 + sizeof(int)], MAX_STR, p);
  if (sz > 0) { barrier_var(sz); if (e->off > sizeof e->args - (MAX_STR + 1 + sizeof(int))) return 0; __builtin_memcpy(&e->args[e->off + 1], &sz, sizeof sz); e->off += sz + sizeof(int) + 1; e->ctx.argnum++; return 1; }
  return 0;
}
static __always_inline int save_str_arr(struct event *e, const char *const *ptr, __u8 idx) {
  __u8 n = 0; if (e->off > sizeof e->args - 3) return 0;
  e->args[e->off] = idx; __u32 orig = e->off + 1; e->off += 2;
#pragma unroll
  for (int i = 0; i < MAX_ARR; i++) {
    const char *argp = 0; bpf_probe_read_user(&argp, sizeof argp, &ptr[i]); if (!argp) goto out;
    if (e->off > sizeof e->args - MAX_STR - sizeof(int)) goto out;
    int sz = bpf_probe_read_user_str(&e->args[e->off + sizeof(int)], MAX_STR, argp);
    if (sz > 0) { if (e->off > sizeof e->args - sizeof(int)) goto out; bpf_probe_read_kernel(&e->args[e->off], sizeof(int), &sz); e->off += sz + sizeof(int); n++; continue; } else goto out;
  }
out:
  if (orig > sizeof e->args - 1) return 0;
  e->args[orig] = n; e->ctx.argnum++; return 1;
}
static __always_inline int submit(void *ctx, struct event *e) {
  if (e->ctx.id & 0x100) e->ctx.stack = bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK);
  __u32 size = sizeof(struct ev_ctx) + 4 + e->off;
  asm volatile("if %[size] < %[max] goto +1;\n%[size] = %[max];\n" : [size] "+r"(size) : [max] "i"(BUF_SIZE - 600));
  return bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, e, size);
}
/* A path from its last part to the root, written from the middle of the buffer downwards. */
static __always_inline long path_of(void *dentry, void *mnt, struct buf *b, char **out) {
  char slash = '/'; int zero = 0; __u32 off = BUF_SIZE >> 1; int sz;
#pragma unroll
  for (int i = 0; i < 30; i++) {
    struct { void *parent; __u32 hash, len; const char *name; } d = {}; if (bpf_probe_read_kernel(&d, sizeof d, dentry + 24)) break;
    if (dentry == mnt || dentry == d.parent) break;
    __u32 len = (d.len + 1) & (MAX_STR - 1); __u32 o = off - len; sz = 0;
    if (o <= (BUF_SIZE >> 1)) { len = len & HALF_MASK; sz = bpf_probe_read_kernel_str(&b->data[o & HALF_MASK], len, d.name); } else break;
    if (sz > 1) { off -= 1; bpf_probe_read_kernel(&b->data[off & BUF_MASK], 1, &slash); off -= sz - 1; } else break;
    dentry = d.parent;
  }
  if (off == (BUF_SIZE >> 1)) { *out = (char *)b->data; return 0; }
  off -= 1; bpf_probe_read_kernel(&b->data[off & BUF_MASK], 1, &slash); bpf_probe_read_kernel(&b->data[(BUF_SIZE >> 1) - 1], 1, &zero);
  *out = (char *)&b->data[off & BUF_MASK]; return (BUF_SIZE >> 1) - off - 1;
}
SEC("raw_tracepoint/sys_enter") int sys_enter(struct bpf_raw *ctx) {
  __u32 tid = bpf_get_current_pid_tgid(), zero = 0; struct config *c = bpf_map_lookup_elem(&config_map, &zero); if (!c) return 0;
  if (c->tracee_pid == bpf_get_current_pid_tgid() >> 32) return 0;
  struct syscall_data d = { .id = ctx->args[1], .ts = bpf_ktime_get_ns() }; unsigned long *regs = (unsigned long *)ctx->args[0];
  struct { unsigned long r[21]; } pr; if (bpf_probe_read_kernel(&pr, sizeof pr, regs)) return 0;
  d.args.a[0] = pr.r[14]; d.args.a[1] = pr.r[13]; d.args.a[2] = pr.r[12]; d.args.a[3] = pr.r[7]; d.args.a[4] = pr.r[9]; d.args.a[5] = pr.r[8];
  bpf_map_update_elem(&syscalls, &tid, &d, 0); bpf_tail_call(ctx, &sys_enter_tails, d.id); return 0;
}
SEC("raw_tracepoint/sys_exit") int sys_exit(struct bpf_raw *ctx) {
  __u32 tid = bpf_get_current_pid_tgid(); struct syscall_data *d = bpf_map_lookup_elem(&syscalls, &tid); if (!d) return 0;
  d->ret = ctx->args[1]; __u32 id = d->id; if (id > 511) return 0; bpf_tail_call(ctx, &sys_exit_tails, id); bpf_map_delete_elem(&syscalls, &tid); return 0;
}
SEC("raw_tracepoint/exit_generic") int exit_generic(struct bpf_raw *ctx) {
  __u32 tid = bpf_get_current_pid_tgid(), zero = 0; struct syscall_data *d = bpf_map_lookup_elem(&syscalls, &tid); if (!d) return 0;
  struct config *c = bpf_map_lookup_elem(&config_map, &zero); struct event *e; if (!c || !(e = init_event(ctx, d->id))) return 0;
  if (!match_filters(e, c)) return 0;
  __u32 id = d->id; __u64 *types = bpf_map_lookup_elem(&params, &id); if (!types) return 0;
#pragma unroll
  for (int i = 0; i < 6; i++) {
    __u8 t = (*types >> (8 * i)) & 0xff;
    switch (t) { case 0: break; case 1: save(e, &d->args.a[i], 4, i); break; case 2: save(e, &d->args.a[i], 8, i); break; case 3: save_str(e, (void *)d->args.a[i], i, true); break; case 4: save_str_arr(e, (void *)d->args.a[i], i); break;
      case 5: { __u8 sa[28] = {}; short fam = 0; if (d->args.a[i]) { bpf_probe_read_user(&fam, 2, (void *)d->args.a[i]); switch (fam) { case 1: save(e, (void *)d->args.a[i], 110, i); break; case 2: bpf_probe_read_user(sa, 16, (void *)d->args.a[i]); save(e, sa, 16, i); break; case 10: bpf_probe_read_user(sa, 28, (void *)d->args.a[i]); save(e, sa, 28, i); break; default: save(e, &fam, 2, i); } } break; }
      default: save(e, &d->args.a[i], 8, i); }
  }
  e->ctx.retval = d->ret; submit(ctx, e); return 0;
}
SEC("raw_tracepoint/execve") int enter_execve(struct bpf_raw *ctx) {
  __u32 tid = bpf_get_current_pid_tgid(), zero = 0; struct syscall_data *d = bpf_map_lookup_elem(&syscalls, &tid); if (!d) return 0;
  struct event *e = init_event(ctx, 59); struct config *c = bpf_map_lookup_elem(&config_map, &zero); if (!e || !c) return 0;
  save_str(e, (void *)d->args.a[0], 0, true); save_str_arr(e, (void *)d->args.a[1], 1); if (c->flags & 8) save_str_arr(e, (void *)d->args.a[2], 2);
  return submit(ctx, e);
}
SEC("kprobe/security_file_open") int file_open(unsigned long *ctx) {
  void *file = (void *)ctx[14], *dentry = 0, *mnt = 0; struct event *e = init_event(ctx, 730); struct buf *b = get_buf(0); if (!e || !b) return 0;
  bpf_probe_read_kernel(&dentry, 8, file + 16); bpf_probe_read_kernel(&mnt, 8, file + 24);
  char *path; long n = path_of(dentry, mnt, b, &path);
  struct buf *kb = get_buf(1); if (!kb) return 0;
  struct trie_key *k = (void *)kb->data; long sz = bpf_probe_read_kernel_str(k->str, 64, path); if (sz < 1) return 0;
  k->prefixlen = sz * 8; struct filter *f = bpf_map_lookup_elem(&path_filter, k); if (f && !(f->eq & 1)) return 0;
  save_str(e, path, 0, false); int flags = 0; bpf_probe_read_kernel(&flags, 4, file + 64); save(e, &flags, 4, 1); e->ctx.retval = n; submit(ctx, e); return 0;
}
SEC("kprobe/vfs_write") int write_head(unsigned long *ctx) {
  struct event *e = init_event(ctx, 731); void *p = (void *)ctx[13]; unsigned long len = ctx[12]; if (!e) return 0; __u8 header[32];
  if (len > 32) len = 32; if (bpf_probe_read_user(header, len, p)) return 0;
  if (header[0] == 0x7f && header[1] == 'E' && header[2] == 'L' && header[3] == 'F') e->ctx.task.flags |= 1;
  save(e, header, len & 63, 0); submit(ctx, e); return 0;
}
char _license[] SEC("license") = "GPL";
