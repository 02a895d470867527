/**
 * Stores into kernel objects: programs that take the place of a function in a struct may write what that function would.
 * Rejects (EACCES): `only read is supported`, `no write support to %s at off %d`, `write access at off %d with size %d beyond
 * the member of %s ended at %d`, `write access at off %d with size %d`.
 */
import { type Btf, KIND } from '../../btf/index.ts';
import { ERRNO } from '../../errors/index.ts';
import { UnsupportedConstruct } from '../context.ts';
import type { Env } from '../env.ts';
import { kernelTypes, structId, structName } from '../kernel-types.ts';
import { type Reg, UNTRUSTED } from '../state/reg.ts';

/** A store of `size` bytes at `off` in the object behind `reg`. @returns 0 or -errno */
export function checkObjectWrite(env: Env, reg: Reg, off: number, size: number): number {
  const name = structName(env, reg.map);
  const refuse = (text: string): number => env.fail(ERRNO.EACCES, text);
  const members = env.target?.writable?.[name];
  if (!members) return refuse('only read is supported');
  if (reg.type & UNTRUSTED) throw new UnsupportedConstruct(`store into an untrusted ${name}`);
  const btf = kernelTypes(env);
  const id = structId(env, reg.map);
  const access = `write access at off ${off} with size ${size}`;
  if (members.length === 0) return off + size > (btf.size(id) ?? 0) ? refuse(access) : 0;
  const place = members.map((path) => placeOf(btf, id, path)).find(({ starts }) => starts(off));
  if (!place) return refuse(`no write support to ${name} at off ${off}`);
  return off + size > place.end ? refuse(`${access} beyond the member of ${name} ended at ${place.end}`) : 0;
}

interface Place {
  /** Whether a store may begin there: in arrays anywhere, else where the member does. */
  starts(off: number): boolean;
  readonly end: number;
}

/** Where a member lies in its struct. */
function placeOf(btf: Btf, struct: number, path: string): Place {
  let type = btf.resolve(struct);
  let start = 0;
  for (const name of path.split('.')) {
    const member = type.kind === KIND.STRUCT && type.members.find((one) => one.name === name);
    if (!member) throw new UnsupportedConstruct(`${path}, which the given kernel BTF does not have`);
    start += member.bitOffset / 8;
    type = btf.resolve(member.type);
  }
  const end = start + (btf.size(type.id) ?? 0);
  const isArray = type.kind === KIND.ARRAY;
  return { starts: (off) => (isArray ? off >= start && off < end : off === start), end };
}
