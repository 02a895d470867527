// SPDX-License-Identifier: Apache-2.0
/*
 * Counts packets and bytes by IP protocol: the example of "Extending extended BPF" (LWN, July 2014) in today's C.
 *
 * A socket filter for a packet socket: the data starts with the Ethernet header. Understood are up to two VLAN tags,
 * IPv4, and IPv6 with up to eight extension headers. A packet is counted under its IP protocol number (tcp 6, udp 17,
 * ...); whatever is not IP, or is cut before its protocol is known, under OTHER.
 *
 * A counted packet is not passed to the socket: counting alone needs no copy. One that finds the map full is passed
 * whole, so that it can be told from the counted ones.
 */
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;

/* Of the kernel's interface, only what is used here. */
#define SEC(name) __attribute__((section(name), used))
#define __always_inline inline __attribute__((always_inline))
#define __uint(name, value) int(*name)[value]
#define __type(name, type) typeof(type) *name
enum { BPF_MAP_TYPE_HASH = 1, BPF_NOEXIST = 1 };
static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*const bpf_map_update_elem)(void *map, const void *key, const void *value, __u64 flags) = (void *)2;
static long (*const bpf_skb_load_bytes)(const void *skb, __u32 offset, void *to, __u32 length) = (void *)26;
struct __sk_buff {
	__u32 len;
};

/* The first number that is no IP protocol. */
#define OTHER 256

struct counter {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct counter);
} counts SEC(".maps");

#define ETHERNET_TYPE 12 /* offset of the type in an Ethernet header */
#define ETHERNET_HEADER 14
#define TYPE_IPV4 0x0800
#define TYPE_IPV6 0x86dd
#define TYPE_VLAN 0x8100
#define TYPE_SERVICE_VLAN 0x88a8

#define IPV4_PROTOCOL 9
#define IPV6_NEXT 6
#define IPV6_HEADER 40
#define MAX_EXTENSIONS 8

static __always_inline long load16(struct __sk_buff *skb, __u32 offset)
{
	__u8 bytes[2];

	if (bpf_skb_load_bytes(skb, offset, bytes, sizeof(bytes)) < 0)
		return -1;
	return bytes[0] << 8 | bytes[1];
}

/* The protocol behind an IPv6 header's extension headers (RFC 8200, section 4). */
static __always_inline __u32 ipv6_protocol(struct __sk_buff *skb, __u32 offset)
{
	__u32 next;
	__u8 head[4];

	if (bpf_skb_load_bytes(skb, offset + IPV6_NEXT, head, 1) < 0)
		return OTHER;
	next = head[0];
	offset += IPV6_HEADER;
	for (int i = 0; i < MAX_EXTENSIONS; i++) {
		/* hop-by-hop options, routing, fragment, authentication, destination options, mobility */
		if (next != 0 && next != 43 && next != 44 && next != 51 && next != 60 && next != 135)
			break;
		if (bpf_skb_load_bytes(skb, offset, head, sizeof(head)) < 0)
			return OTHER;
		if (next == 44) {
			__u32 fragment = head[2] << 8 | head[3];

			next = head[0];
			offset += 8;
			/* Only the first fragment has what comes behind. */
			if (fragment >> 3)
				break;
		} else {
			offset += next == 51 ? (head[1] + 2) * 4 : (head[1] + 1) * 8;
			next = head[0];
		}
	}
	return next;
}

static __always_inline __u32 protocol_of(struct __sk_buff *skb)
{
	__u32 offset = ETHERNET_TYPE;
	long type = load16(skb, offset);
	__u8 protocol;

	for (int tags = 0; tags < 2; tags++) {
		if (type != TYPE_VLAN && type != TYPE_SERVICE_VLAN)
			break;
		offset += 4;
		type = load16(skb, offset);
	}
	offset += ETHERNET_HEADER - ETHERNET_TYPE;
	if (type == TYPE_IPV4)
		return bpf_skb_load_bytes(skb, offset + IPV4_PROTOCOL, &protocol, 1) < 0 ? OTHER : protocol;
	if (type == TYPE_IPV6)
		return ipv6_protocol(skb, offset);
	return OTHER;
}

SEC("socket")
int count(struct __sk_buff *skb)
{
	__u32 protocol = protocol_of(skb);
	struct counter *counter = bpf_map_lookup_elem(&counts, &protocol);

	if (!counter) {
		struct counter zero = {};

		/* Another CPU may be first; then its element is found. */
		bpf_map_update_elem(&counts, &protocol, &zero, BPF_NOEXIST);
		counter = bpf_map_lookup_elem(&counts, &protocol);
		if (!counter)
			return skb->len;
	}
	__sync_fetch_and_add(&counter->packets, 1);
	__sync_fetch_and_add(&counter->bytes, skb->len);
	return 0;
}

char LICENSE[] SEC("license") = "Apache-2.0";
