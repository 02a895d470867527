/**
 * What programs ask of the socket and the place that a packet belongs to. In user space there is one network namespace, one
 * socket behind every packet, the task's, and no other sockets to look up.
 */
import type { Family } from './env.ts';
import { returnInt, returnUint, uint32 } from './registers.ts';
import { ROOT_CGROUP, ancestorCgroup, underCgroup } from './task.ts';

/** Cookies count from 1. */
const ONLY = 1;

export const socketFamily: Family = {
  get_socket_cookie: (_env, r) => returnUint(r, ONLY),
  get_netns_cookie: (_env, r) => returnUint(r, ONLY),
  get_socket_uid: (env, r) => returnUint(r, env.task.uid),
  get_cgroup_classid: (_env, r) => returnUint(r, 0),
  get_route_realm: (_env, r) => returnUint(r, 0),
  skb_cgroup_classid: (_env, r) => returnUint(r, 0),
  skb_cgroup_id: (_env, r) => returnUint(r, ROOT_CGROUP),
  skb_ancestor_cgroup_id: (_env, r) => returnUint(r, ancestorCgroup(uint32(r, 2))),
  /** `(skb, map, index)` */
  skb_under_cgroup: (env, r, slot) => returnInt(r, underCgroup(env, r, 2, slot)),
  sk_lookup_tcp: (_env, r) => returnUint(r, 0),
  sk_lookup_udp: (_env, r) => returnUint(r, 0),
  skc_lookup_tcp: (_env, r) => returnUint(r, 0),
  sk_fullsock(_env, r) {
    returnUint(r, uint32(r, 1));
  },
  sk_release: (_env, r) => returnInt(r, 0),
};
