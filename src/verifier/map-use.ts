/**
 * Whether a program may use a map at all (@kernel check_map_prog_compatibility). Rejects: `Sleepable programs can only use
 * array, hash, ringbuf and local storage maps` (EINVAL), `only one cgroup storage of each type is allowed` (EBUSY).
 */
import { isSleepableMap, type MapDesc } from '../contracts/index.ts';
import { ERRNO } from '../errors/index.ts';
import { MAP_TYPE, PROG_FLAG } from '../uapi/index.ts';
import { type Context, UnsupportedConstruct } from './context.ts';

const CGROUP_STORAGE: readonly number[] = [MAP_TYPE.CGROUP_STORAGE, MAP_TYPE.PERCPU_CGROUP_STORAGE];

/** A map that joins those in `aux.maps`. @returns 0 or -errno */
export function checkMapUse(ctx: Context, map: MapDesc): number {
  const refuse = (errno: number, text: string): number => {
    ctx.log.write(`${text}\n`);
    return -errno;
  };
  if (map.type === MAP_TYPE.STRUCT_OPS) throw new UnsupportedConstruct('struct_ops map');
  if (ctx.input.progFlags & PROG_FLAG.SLEEPABLE && !isSleepableMap(map.type)) {
    return refuse(ERRNO.EINVAL, 'Sleepable programs can only use array, hash, ringbuf and local storage maps');
  }
  if (CGROUP_STORAGE.includes(map.type) && ctx.aux.maps.some((other) => other.type === map.type)) {
    return refuse(ERRNO.EBUSY, 'only one cgroup storage of each type is allowed');
  }
  return 0;
}
