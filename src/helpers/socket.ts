/**
 * What programs ask of the socket and the place that a packet belongs to. In user space there is one network namespace, one
 * socket behind every packet, and no other sockets to look up.
 */
import type { Family } from './env.ts';
import { returnInt, returnUint, uint32 } from './registers.ts';

/** Cookies count from 1. */
const ONLY = 1;
/** Uid of a packet without a full socket. @kernel overflowuid */
const NOBODY = 65534;

export const socketFamily: Family = {
  get_socket_cookie: (_env, r) => returnUint(r, ONLY),
  get_netns_cookie: (_env, r) => returnUint(r, ONLY),
  get_socket_uid: (_env, r) => returnUint(r, NOBODY),
  get_cgroup_classid: (_env, r) => returnUint(r, 0),
  get_route_realm: (_env, r) => returnUint(r, 0),
  skb_cgroup_classid: (_env, r) => returnUint(r, 0),
  skb_cgroup_id: (_env, r) => returnUint(r, 0),
  sk_lookup_tcp: (_env, r) => returnUint(r, 0),
  sk_lookup_udp: (_env, r) => returnUint(r, 0),
  skc_lookup_tcp: (_env, r) => returnUint(r, 0),
  sk_fullsock(_env, r) {
    returnUint(r, uint32(r, 1));
  },
  sk_release: (_env, r) => returnInt(r, 0),
};
