/*
 * What the benchmark programs share: types, the XDP context, two maps and two helpers. Each program is one XDP program
 * named `prog` in one file.
 */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
struct xdp_md { u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex; };

#define SEC(name) __attribute__((section(name), used))
#define ALWAYS static inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))
#define ROLLED _Pragma("clang loop unroll(disable)")
#define UNROLLED _Pragma("clang loop unroll(full)")
#define __uint(name, value) int(*name)[value]
#define __type(name, type) typeof(type) *name

/* A map of the uapi's number of a type. */
#define MAP(name, kind, key_type, value_type, entries) \
  struct { \
    __uint(type, kind); \
    __uint(max_entries, entries); \
    __type(key, key_type); \
    __type(value, value_type); \
  } name SEC(".maps")

struct fkey { u32 src, dst; u16 sport, dport; u32 proto; };
struct fval { u64 packets, bytes; };

#ifdef ARRAY_MAP
struct {
  __uint(type, 2); /* BPF_MAP_TYPE_ARRAY */
  __uint(max_entries, 1024);
  __type(key, u32);
  __type(value, u64);
} arr SEC(".maps");
#define arr ((void *)&arr)
#endif
#ifdef HASH_MAP
struct {
  __uint(type, 1); /* BPF_MAP_TYPE_HASH */
  __uint(max_entries, 4096);
  __type(key, struct fkey);
  __type(value, struct fval);
} htab SEC(".maps");
#define htab ((void *)&htab)
#endif

static void *(*map_lookup)(void *map, const void *key) = (void *)1;
static long (*map_update)(void *map, const void *key, const void *value, u64 flags) = (void *)2;

/* The first `min` bytes of the packet, or another return value. */
#define HDR(min) \
  u8 *data = (u8 *)(long)ctx->data; \
  u8 *data_end = (u8 *)(long)ctx->data_end; \
  if (data + (min) > data_end) return 0xffff
