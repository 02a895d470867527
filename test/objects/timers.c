/* Timers, locks and pointers to kernel objects in map values. Each program returns what it found out. */
#include "bpf.h"

struct bpf_timer {
  __u64 opaque[2];
} __attribute__((aligned(8)));
struct bpf_spin_lock {
  __u32 val;
};

static long (*bpf_timer_init)(struct bpf_timer *timer, void *map, __u64 flags) = (void *)169;
static long (*bpf_timer_set_callback)(struct bpf_timer *timer, void *callback) = (void *)170;
static long (*bpf_timer_start)(struct bpf_timer *timer, __u64 nsecs, __u64 flags) = (void *)171;
static long (*bpf_timer_cancel)(struct bpf_timer *timer) = (void *)172;
static long (*bpf_spin_lock)(struct bpf_spin_lock *lock) = (void *)93;
static long (*bpf_spin_unlock)(struct bpf_spin_lock *lock) = (void *)94;

struct timed {
  __u64 before;
  struct bpf_timer timer;
  __u64 after;
};
struct locked {
  __u32 a;
  struct bpf_spin_lock lock;
  __u64 b;
};
#define MAP(kind, kt, vt, n) { __uint(type, kind); __type(key, kt); __type(value, vt); __uint(max_entries, n); }
struct MAP(BPF_MAP_TYPE_ARRAY, __u32, struct timed, 3) array SEC(".maps");
struct MAP(BPF_MAP_TYPE_HASH, __u64, struct timed, 8) table SEC(".maps");
struct MAP(BPF_MAP_TYPE_LRU_HASH, __u64, struct timed, 8) recent SEC(".maps");
struct MAP(BPF_MAP_TYPE_HASH, __u32, struct locked, 8) locks SEC(".maps");
struct MAP(BPF_MAP_TYPE_ARRAY, __u32, struct locked, 2) lock_array SEC(".maps");
/* What callbacks did: calls, key, value, result, order. */
struct MAP(BPF_MAP_TYPE_ARRAY, __u32, __u64, 8) seen SEC(".maps");

static void note(__u32 at, __u64 value) { bpf_map_update_elem(&seen, &at, &value, 0); }
static void count(__u32 at, __u64 by) {
  __u64 *n = bpf_map_lookup_elem(&seen, &at);
  if (n) *n = *n * 10 + by;
}

static int fires(void *map, __u64 *key, struct timed *value) {
  note(1, *key);
  note(2, value->before + value->after);
  value->after += 100;
  count(0, 1);
  return 0;
}
static int fires_array(void *map, __u32 *key, struct timed *value) {
  note(1, *key);
  note(2, value->before + value->after);
  count(0, 2);
  return 0;
}
static int again(void *map, __u64 *key, struct timed *value) {
  count(0, 3);
  if (value->before-- > 1) note(3, bpf_timer_start(&value->timer, 1000, 0));
  return 0;
}
static int cancels_itself(void *map, __u64 *key, struct timed *value) {
  note(3, bpf_timer_cancel(&value->timer));
  count(0, 4);
  return 0;
}
static int deletes_itself(void *map, __u64 *key, struct timed *value) {
  note(3, bpf_map_delete_elem(map, key));
  note(4, bpf_timer_start(&value->timer, 1000, 0));
  count(0, 5);
  return 0;
}
static int initialises_again(void *map, __u64 *key, struct timed *value) {
  note(3, bpf_timer_init(&value->timer, map, 1));
  note(4, bpf_timer_set_callback(&value->timer, fires));
  note(5, bpf_timer_start(&value->timer, 1000, 0));
  count(0, 6);
  return 0;
}

static struct timed *element(void *map, __u64 key) {
  struct timed fresh = {.before = 3, .after = 4};
  bpf_map_update_elem(map, &key, &fresh, 0);
  return bpf_map_lookup_elem(map, &key);
}
#define SECOND 1000000000ull

SEC("tc") int errors(struct __sk_buff *ctx) {
  struct timed *v = element(&table, 1);
  if (!v) return -1;
  struct bpf_timer *t = &v->timer;
  note(0, bpf_timer_set_callback(t, fires));
  note(1, bpf_timer_start(t, 1, 0));
  note(2, bpf_timer_cancel(t));
  note(3, bpf_timer_init(t, &table, 2));
  note(4, bpf_timer_init(t, &table, 1ull << 32 | 1));
  note(5, bpf_timer_init(t, &table, 1));
  note(6, bpf_timer_init(t, &table, 1));
  note(7, bpf_timer_init(t, &table, 3));
  return 7;
}
SEC("tc") int errors_2(struct __sk_buff *ctx) {
  struct timed *v = element(&table, 1);
  if (!v) return -1;
  struct bpf_timer *t = &v->timer;
  note(0, bpf_timer_init(t, &table, 7));
  note(1, bpf_timer_start(t, SECOND, 0));
  note(2, bpf_timer_set_callback(t, fires));
  note(3, bpf_timer_start(t, SECOND * 100, 4));
  note(4, bpf_timer_start(t, SECOND * 100, 0));
  note(5, bpf_timer_cancel(t) * 10 + bpf_timer_cancel(t));
  note(6, bpf_timer_start(t, SECOND * 100, 2));
  note(7, bpf_timer_start(t, SECOND * 100, 1ull << 32));
  bpf_timer_cancel(t);
  return 0;
}
SEC("tc") int deleted(struct __sk_buff *ctx) {
  struct timed *v = element(&table, 1);
  __u64 key = 1;
  if (!v) return -1;
  bpf_timer_init(&v->timer, &table, 1);
  bpf_timer_set_callback(&v->timer, fires);
  note(3, bpf_timer_start(&v->timer, 1000000, 0));
  note(4, bpf_map_delete_elem(&table, &key));
  note(5, bpf_timer_start(&v->timer, 0, 0));
  note(6, bpf_timer_cancel(&v->timer));
  return 0;
}
SEC("tc") int replaced(struct __sk_buff *ctx) {
  struct timed *v = element(&table, 1);
  if (!v) return -1;
  bpf_timer_init(&v->timer, &table, 1);
  bpf_timer_set_callback(&v->timer, fires);
  note(3, bpf_timer_start(&v->timer, 1000000, 0));
  v = element(&table, 1);
  if (!v) return -1;
  note(4, bpf_timer_cancel(&v->timer));
  return 0;
}
SEC("tc") int overwritten(struct __sk_buff *ctx) {
  __u32 key = 1;
  struct timed value = {.before = 8};
  struct timed *v = bpf_map_lookup_elem(&array, &key);
  if (!v) return -1;
  bpf_timer_init(&v->timer, &array, 1);
  bpf_timer_set_callback(&v->timer, fires_array);
  note(3, bpf_timer_start(&v->timer, 1000000, 0));
  note(4, bpf_map_update_elem(&array, &key, &value, 0));
  note(5, bpf_timer_cancel(&v->timer));
  return v->before;
}
#define RUN(name, map, callback, clock, time, flags)                                                                    \
  SEC("tc") int name(struct __sk_buff *ctx) {                                                                           \
    struct timed *v = element(&map, 5);                                                                                 \
    if (!v) return -1;                                                                                                  \
    bpf_timer_init(&v->timer, &map, clock);                                                                             \
    bpf_timer_set_callback(&v->timer, callback);                                                                        \
    return bpf_timer_start(&v->timer, time, flags);                                                                     \
  }
RUN(runs_hash, table, fires, 1, 1000, 0)
RUN(runs_lru, recent, fires, 1, 0, 0)
RUN(runs_absolute, table, fires, 1, bpf_ktime_get_ns() + 1000, 1)
RUN(runs_past, table, fires, 7, 5, 1)
RUN(runs_real_time, table, fires, 0, 5, 1)
RUN(runs_far, table, fires, 1, SECOND * 1000, 0)
RUN(runs_again, table, again, 1, 1000, 0)
RUN(runs_cancelling, table, cancels_itself, 1, 1000, 0)
RUN(runs_deleting, table, deletes_itself, 1, 1000, 0)
RUN(runs_initialising, table, initialises_again, 1, 1000, 0)

SEC("tc") int runs_array(struct __sk_buff *ctx) {
  __u32 key = 2;
  struct timed *v = bpf_map_lookup_elem(&array, &key);
  if (!v) return -1;
  v->before = 30, v->after = 12;
  bpf_timer_init(&v->timer, &array, 1);
  bpf_timer_set_callback(&v->timer, fires_array);
  return bpf_timer_start(&v->timer, 1000, 0);
}
SEC("tc") int runs_in_order(struct __sk_buff *ctx) {
  __u32 key = 1;
  struct timed *a = bpf_map_lookup_elem(&array, &key);
  struct timed *b = element(&table, 5);
  struct timed *c = element(&recent, 5);
  if (!a || !b || !c) return -1;
  bpf_timer_init(&a->timer, &array, 1);
  bpf_timer_init(&b->timer, &table, 1);
  bpf_timer_init(&c->timer, &recent, 1);
  bpf_timer_set_callback(&a->timer, fires_array);
  bpf_timer_set_callback(&b->timer, fires);
  bpf_timer_set_callback(&c->timer, cancels_itself);
  bpf_timer_start(&a->timer, 30000000, 2);
  bpf_timer_start(&c->timer, 20000000, 2);
  return bpf_timer_start(&b->timer, 10000000, 2);
}

SEC("tc") int locking(struct __sk_buff *ctx) {
  __u32 key = 1;
  struct locked fresh = {.a = 1, .b = 2};
  struct locked other = {.a = 5, .b = 6};
  note(0, bpf_map_update_elem(&locks, &key, &fresh, 6));
  note(1, bpf_map_update_elem(&locks, &key, &fresh, 4));
  struct locked *v = bpf_map_lookup_elem(&locks, &key);
  if (!v) return -1;
  bpf_spin_lock(&v->lock);
  v->a += 10;
  bpf_spin_unlock(&v->lock);
  note(2, bpf_map_update_elem(&locks, &key, &other, 4));
  note(3, v->a * 100 + v->b);
  note(4, bpf_map_update_elem(&locks, &key, &fresh, 0));
  note(5, v->a * 100 + v->b);
  note(6, bpf_map_update_elem(&locks, &key, &fresh, 5));
  key = 0;
  v = bpf_map_lookup_elem(&lock_array, &key);
  if (!v) return -1;
  note(7, bpf_map_update_elem(&lock_array, &key, &other, 4) * 10 + bpf_map_update_elem(&lock_array, &key, &other, 5));
  return v->a * 100 + v->b;
}
char _license[] SEC("license") = "GPL";
