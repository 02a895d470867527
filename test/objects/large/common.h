/*
 * What the large objects share. Their sources are written in the manner of well-known kinds of programs: a container datapath,
 * load balancer, firewall, tunnels, socket policy, tracing tools, a security monitor.
 */
#pragma once
#include <stddef.h>
#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#ifndef memcpy
#define memcpy(d, s, n) __builtin_memcpy((d), (s), (n))
#define memset(d, c, n) __builtin_memset((d), (c), (n))
#endif
#define MAP(name, kind, K, V, n) struct { __uint(type, kind); __type(key, K); __type(value, V); __uint(max_entries, n); } name SEC(".maps")
#define READ_ONCE(x) (*(const volatile typeof(x) *)&(x))
