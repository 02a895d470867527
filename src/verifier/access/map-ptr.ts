/**
 * Loads through map pointers (@kernel check_ptr_to_map_access): members of the kernel's own structure can be read; without
 * the kernel's types only its numbers.
 * Rejects: callers without CAP_PERFMON (`'struct %s' access is allowed only to …`, EPERM); (EACCES) `R%d is %s invalid
 * negative access: off=%d`, `only read from %s is supported`, `access beyond struct %s at off %u size %u`, `access beyond the
 * end of member %s …`, `cannot access ptr member %s …`; (EINVAL) `struct %s doesn't have field at offset %d`.
 */
import { MAP_MEMBERS, MAP_STRUCT_SIZE, type MapMember, mapStruct } from '../../contracts/index.ts';
import { ERRNO } from '../../errors/index.ts';
import { UnsupportedConstruct } from '../context.ts';
import type { Env } from '../env.ts';
import { kernelId } from '../kernel-types.ts';
import { loadMember } from './btf.ts';

/** Access through `r`, which points to a map; a load fills `dst` unless it is negative. */
export function checkMapPtr(env: Env, r: number, off: number, size: number, write: boolean, dst: number): number {
  const struct = mapStruct(env.aux.maps[env.regs[r].map].type);
  if (!struct) throw new UnsupportedConstruct('map pointer of this type of map');
  const { name } = struct;
  if (!env.perfmonCapable) {
    const text = `'struct ${name}' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN`;
    return env.fail(ERRNO.EPERM, text);
  }
  if (off < 0) return env.fail(ERRNO.EACCES, `R${r} is ${name} invalid negative access: off=${off}`);
  if (write) return env.fail(ERRNO.EACCES, `only read from ${name} is supported`);
  if (env.input.kernelBtf?.btf) return loadMember(env, env.regs[r], kernelId(env, name), off, size, dst);
  if (struct.size !== undefined && off + size > struct.size) {
    return env.fail(ERRNO.EACCES, `access beyond struct ${name} at off ${off} size ${size}`);
  }
  if (off >= MAP_STRUCT_SIZE) throw new UnsupportedConstruct(`member of struct ${name}`);
  const member = MAP_MEMBERS.find((m) => off >= m.offset && off < m.offset + m.size);
  if (!member) return env.fail(ERRNO.EINVAL, `struct bpf_map doesn't have field at offset ${off}`);
  const err = checkMember(env, member, off, size);
  if (!err && dst >= 0) env.regs[dst] = env.unknown();
  return err;
}

function checkMember(env: Env, member: MapMember, off: number, size: number): number {
  const where = `in struct bpf_map with off ${off} size ${size}`;
  const end = member.offset + member.size;
  switch (member.kind) {
    case 'number':
      if (off + size <= end) return 0;
      return env.fail(ERRNO.EACCES, `access beyond the end of member ${member.name} (mend:${end}) ${where}`);
    case 'pointer':
      if (off !== member.offset || size !== member.size) {
        const text = `cannot access ptr member ${member.name} with moff ${member.offset} ${where}`;
        return env.fail(ERRNO.EACCES, text);
      }
      throw new UnsupportedConstruct(`pointer ${member.name} of struct bpf_map`);
    case 'struct':
      throw new UnsupportedConstruct(`structure ${member.name} of struct bpf_map`);
  }
}
