/** The task in whose context the program runs. */
import { ERRNO } from '../errors/index.ts';
import type { Family } from './env.ts';
import { memory, returnInt, returnUint, uint32 } from './registers.ts';

/** Encode once: `TextEncoder` makes no state. */
const encoder = new TextEncoder();

/** Cgroups: one, the root of the tree. */
const ROOT_CGROUP = 1;

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
  get_current_ancestor_cgroup_id: (_env, r) => returnUint(r, uint32(r, 1) === 0 ? ROOT_CGROUP : 0),
  current_task_under_cgroup: (_env, r) => returnInt(r, 1),
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
