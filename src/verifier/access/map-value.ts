/**
 * Loads and stores of map values. Rejects (EACCES): access against BPF_F_RDONLY_PROG and BPF_F_WRONLY_PROG
 * (`write into map forbidden`), and everything outside the value. Frozen read-only arrays load as constants.
 */
import { isReadOnlyToPrograms, isWriteOnlyToPrograms, type MapDesc } from '../../contracts/index.ts';
import { ERRNO } from '../../errors/index.ts';
import { MAP_FLAG, MAP_TYPE } from '../../uapi/index.ts';
import type { Env } from '../env.ts';
import { scalar } from '../state/reg.ts';
import { accessPointerField, checkFields, pointerFieldAt } from './map-field.ts';
import { checkRegion } from './region.ts';

/** @kernel check_map_access_type */
export function checkMapAccessType(env: Env, map: MapDesc, off: number, size: number, write: boolean): number {
  const forbidden = write ? isReadOnlyToPrograms(map) : isWriteOnlyToPrograms(map);
  if (!forbidden) return 0;
  const what = write ? 'write into' : 'read from';
  return env.fail(ERRNO.EACCES, `${what} map forbidden, value_size=${map.valueSize} off=${off} size=${size}`);
}

/** Whether a load can only give what is there now. @kernel bpf_map_is_rdonly */
export const isConstant = (map: MapDesc): boolean => (map.flags & MAP_FLAG.RDONLY_PROG) !== 0 && map.frozen;

function frozenValue(map: MapDesc, off: number, size: number, signed: boolean): bigint | undefined {
  const bytes = map.readFrozen?.(off, size);
  if (!bytes) return undefined;
  let value = 0n;
  for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]);
  return signed ? BigInt.asIntN(8 * size, value) : value;
}

/** Access through `r`, which points into a map's value; a load fills `dst` unless it is negative. */
export function checkMapValue(
  env: Env,
  r: number,
  off: number,
  size: number,
  write: boolean,
  dst: number,
  signed: boolean,
): number {
  const reg = env.regs[r];
  const map = env.aux.maps[reg.map];
  const err =
    checkMapAccessType(env, map, off, size, write) ||
    checkRegion(env, r, off, size, map.valueSize, false) ||
    checkFields(env, r, off, size, true);
  if (err) return err;
  const field = pointerFieldAt(env, reg, off);
  if (field) return accessPointerField(env, field, write, dst);
  if (write || dst < 0) return 0;
  const { store } = env;
  env.regs[dst] = env.unknown();
  if (!store.isConst(reg.s) || !isConstant(map) || map.type !== MAP_TYPE.ARRAY) return 0;
  // The kernel reads the value now, and finds its place in arrays of one element only.
  if (map.maxEntries !== 1) return -ERRNO.ENOTSUPP;
  const value = frozenValue(map, off + store.sminN(reg.s), size, signed);
  if (value !== undefined) env.regs[dst] = scalar(store.constant(value));
  return 0;
}
