/** Values that belong to sockets, tasks, inodes and cgroups. */
import { ERRNO, Trap } from '../errors/index.ts';
import type { HelperFn } from '../vm/index.ts';
import type { Family, HelperEnv } from './env.ts';
import { mapOf } from './map.ts';
import { memory, returnInt, returnUint, uint32, uint64 } from './registers.ts';

/** @kernel BPF_LOCAL_STORAGE_GET_F_CREATE */
const CREATE = 1;

/** `(map, owner, value, flags)` */
const get: HelperFn<HelperEnv> = (env, r, slot) => {
  const map = mapOf(env, r, slot);
  if (map.ownerValue === undefined) throw new Trap('r1 is not a map of local storage', slot);
  const [owner, flags] = [uint32(r, 2), uint64(r, 4)];
  const initial = uint64(r, 3) === 0 ? 0 : memory(env.space, r, 3, map.info.valueSize, false, slot);
  returnUint(r, owner === 0 || flags > CREATE ? 0 : map.ownerValue(owner, flags === CREATE, initial));
};

/** `(map, owner)` */
const remove: HelperFn<HelperEnv> = (env, r, slot) => {
  const map = mapOf(env, r, slot);
  if (map.dropOwner === undefined) throw new Trap('r1 is not a map of local storage', slot);
  const owner = uint32(r, 2);
  returnInt(r, owner === 0 ? -ERRNO.EINVAL : map.dropOwner(owner));
};

export const storageFamily: Family = {
  sk_storage_get: get,
  sk_storage_delete: remove,
  task_storage_get: get,
  task_storage_delete: remove,
  inode_storage_get: get,
  inode_storage_delete: remove,
  cgrp_storage_get: get,
  cgrp_storage_delete: remove,
  /** `(map, flags)` */
  get_local_storage(env, r, slot) {
    const map = mapOf(env, r, slot);
    if (map.placeValue === undefined) throw new Trap('r1 is not a map of cgroup storage', slot);
    returnUint(r, map.placeValue(env.cpu));
  },
};
