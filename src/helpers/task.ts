/** The task in whose context the program runs. */
import { ERRNO } from '../errors/index.ts';
import type { Family, HelperEnv } from './env.ts';
import { mapOf } from './map.ts';
import { memory, returnInt, returnUint, uint32 } from './registers.ts';

/** Encode once: `TextEncoder` makes no state. */
const encoder = new TextEncoder();

/** Cgroups: one, the root of the tree. */
export const ROOT_CGROUP = 1;

/** The id of a cgroup's ancestor: `level` 0 is the root, and nothing is below. */
export const ancestorCgroup = (level: number): number => (level === 0 ? ROOT_CGROUP : 0);

/** Whether something is in a cgroup of the map in r`n`, which is followed by an index. Nothing here is a cgroup: its slots are empty. */
export function underCgroup(env: HelperEnv, r: Int32Array, n: number, slot: number): number {
  return uint32(r, n + 1) < mapOf(env, r, slot, n).info.maxEntries ? -ERRNO.EAGAIN : -ERRNO.E2BIG;
}

export const taskFamily: Family = {
  /** Thread group in the high word, thread in the low. */
  get_current_pid_tgid(env, r) {
    r[0] = env.task.pid;
    r[1] = env.task.tgid;
  },
  get_current_uid_gid(env, r) {
    r[0] = env.task.uid;
    r[1] = env.task.gid;
  },
  get_current_cgroup_id: (_env, r) => returnUint(r, ROOT_CGROUP),
  get_current_ancestor_cgroup_id: (_env, r) => returnUint(r, ancestorCgroup(uint32(r, 1))),
  /** `(map, index)` */
  current_task_under_cgroup: (env, r, slot) => returnInt(r, underCgroup(env, r, 1, slot)),
  /** Fills the whole buffer: the name, cut to leave a NUL, then zeros. */
  get_current_comm(env, r, slot) {
    const size = uint32(r, 2);
    if (size === 0) return returnInt(r, -ERRNO.EINVAL);
    const address = memory(env.space, r, 1, size, true, slot);
    const { bytes } = env.space;
    bytes.fill(0, address, address + size);
    bytes.set(encoder.encode(env.task.comm).subarray(0, Math.min(15, size - 1)), address);
    returnInt(r, 0);
  },
};
