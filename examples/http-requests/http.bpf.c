// SPDX-License-Identifier: Apache-2.0
/*
 * Counts the responses of an HTTP service by URL and status, and how long they took: a program for the event
 * http:server_response_finish of a Node process. The context is what `skep events header` prints.
 */
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;

#include "http-server-response-finish.h"

/* Of the kernel's interface, only what is used here. */
#define SEC(name) __attribute__((section(name), used))
#define __uint(name, value) int(*name)[value]
#define __type(name, type) typeof(type) *name
enum { BPF_MAP_TYPE_HASH = 1, BPF_MAP_TYPE_ARRAY = 2, BPF_NOEXIST = 1 };
static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*const bpf_map_update_elem)(void *map, const void *key, const void *value, __u64 flags) = (void *)2;

struct request {
	char url[64];
	__u16 status;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct request);
	__type(value, __u64);
} requests SEC(".maps");

/* Responses that took less than 2^n microseconds, and not less than half of that. The last slot: all others. */
#define SLOTS 24

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__type(value, __u64);
} latency SEC(".maps");

/* Responses that are not in `requests` since it is full. */
__u64 not_counted;

static __u32 slot_of(__u64 microseconds)
{
	__u32 slot = 0;

	for (int i = 0; i < SLOTS - 1; i++) {
		if (microseconds == 0)
			break;
		microseconds >>= 1;
		slot++;
	}
	return slot;
}

static void count_request(struct http_server_response_finish *event)
{
	struct request key = {};
	__u64 one = 1;
	__u64 *count;

	__builtin_memcpy(key.url, event->url, sizeof(key.url));
	key.status = event->status;
	count = bpf_map_lookup_elem(&requests, &key);
	if (count)
		__sync_fetch_and_add(count, 1);
	else if (bpf_map_update_elem(&requests, &key, &one, BPF_NOEXIST) < 0)
		__sync_fetch_and_add(&not_counted, 1);
}

SEC("tracepoint/http/server_response_finish")
int on_response(struct http_server_response_finish *event)
{
	__u32 slot = slot_of(event->duration_ns / 1000);
	__u64 *count = bpf_map_lookup_elem(&latency, &slot);

	if (count)
		__sync_fetch_and_add(count, 1);
	count_request(event);
	return 0;
}

char LICENSE[] SEC("license") = "Apache-2.0";
