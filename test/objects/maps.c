/* Every way of declaring a map, and values of every kind of type. */
#include "bpf.h"

enum color { RED, GREEN = 5, BLUE = -1 };
enum big { SMALL = 1, LARGE = 0xfedcba9876543210ull };

struct flags {
  __u32 low : 3, mid : 11;
  __s32 high : 6;
};

typedef struct {
  __u16 x, y;
} point;

struct everything {
  __u8 u8;
  __s8 s8;
  __u16 u16;
  __s16 s16;
  __u32 u32;
  __s32 s32;
  __u64 u64;
  __s64 s64;
  _Bool yes;
  char name[16];
  __u8 mac[6];
  enum color color;
  enum big big;
  struct flags flags;
  point points[2];
  union {
    __u32 word;
    __u8 octets[4];
  };
  union {
    __u16 half;
    __u8 quarter;
  } either;
  const struct everything *next;
  float f;
  double d;
  unsigned __int128 wide;
};

struct counts {
  __u64 packets, bytes;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __type(key, __u32);
  __type(value, struct counts);
} counts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 4);
  __type(key, __u32);
  __type(value, struct everything);
} everything SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 2);
  __uint(key_size, 4);
  __uint(value_size, 12);
} untyped SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
  __uint(max_entries, 16);
  __uint(map_flags, 1); /* BPF_F_NO_PREALLOC */
  __type(key, point);
  __type(value, __u64);
} per_cpu SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 8);
  __uint(pinning, 1);
  __type(key, enum color);
  __type(value, char[8]);
} pinned SEC(".maps");

typedef struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, int);
  __type(value, struct counts);
} single;
single by_typedef SEC(".maps");

SEC("socket")
int use_maps(struct __sk_buff *skb) {
  __u32 key = skb->protocol, zero = 0;
  struct counts *count = bpf_map_lookup_elem(&counts, &key);
  if (!count) {
    struct counts first = {1, skb->len};
    bpf_map_update_elem(&counts, &key, &first, ANY);
  } else {
    count->packets++;
    count->bytes += skb->len;
  }
  void *value = bpf_map_lookup_elem(&untyped, &zero);
  point p = {(__u16)key, 1};
  __u64 *n = bpf_map_lookup_elem(&per_cpu, &p);
  enum color color = GREEN;
  void *pin = bpf_map_lookup_elem(&pinned, &color);
  struct counts *one = bpf_map_lookup_elem(&by_typedef, &zero);
  struct everything *e = bpf_map_lookup_elem(&everything, &zero);
  if (e) {
    e->u8 = 200;
    e->flags.mid = 1234;
    e->flags.high = -7;
    e->big = LARGE;
  }
  return (value != 0) + (n != 0) + (pin != 0) + (one != 0) + (e != 0);
}

char _license[] SEC("license") = "GPL";
