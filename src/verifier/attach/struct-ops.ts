/**
 * Programs that take the place of a function in a struct of the kernel (@kernel check_struct_ops_btf_id): `attach_btf_id` is
 * the struct, `expected_attach_type` the member's index. Rejects: `struct ops programs must have a GPL compatible license`,
 * `attach to invalid member idx %u of struct %s`, `attach to invalid member %s(@idx %u) of struct %s` (EINVAL),
 * `attach_btf_id %u is not a supported struct` (ENOTSUPP), `attach to unsupported member %s of struct %s` (ENOTSUPP; for
 * sleepable programs EINVAL).
 */
import { type Btf, type BtfComposite, type BtfFuncProto, type BtfMember, KIND } from '../../btf/index.ts';
import { isGplCompatible, type StructOps, structOps } from '../../contracts/index.ts';
import { ERRNO } from '../../errors/index.ts';
import { PROG_FLAG } from '../../uapi/index.ts';
import type { Env } from '../env.ts';
import { kernelTypes } from '../kernel-types.ts';
import { MAYBE_NULL, REG, TRUSTED } from '../state/reg.ts';
import { checkPrototype } from './prototype.ts';

export function checkStructOps(env: Env): number {
  const { attachBtfId: id = 0, license } = env.input;
  if (!isGplCompatible(license)) {
    return env.fail(ERRNO.EINVAL, 'struct ops programs must have a GPL compatible license');
  }
  if (!id) return -ERRNO.ENOTSUPP;
  const btf = kernelTypes(env);
  const type = id < btf.length ? btf.type(id) : undefined;
  const ops = type?.kind === KIND.STRUCT ? structOps(type.name) : undefined;
  if (type?.kind !== KIND.STRUCT || !ops) {
    return env.fail(ERRNO.ENOTSUPP, `attach_btf_id ${id} is not a supported struct`);
  }
  return checkMember(env, btf, type, ops);
}

function checkMember(env: Env, btf: Btf, struct: BtfComposite, ops: StructOps): number {
  const index = env.input.expectedAttachType;
  const refuse = (errno: number, text: string): number => env.fail(errno, `attach to ${text} of struct ${struct.name}`);
  if (index >= struct.members.length) return refuse(ERRNO.EINVAL, `invalid member idx ${index}`);
  const member = struct.members[index];
  const proto = prototypeOf(btf, member.type);
  if (!proto) return refuse(ERRNO.EINVAL, `invalid member ${member.name}(@idx ${index})`);
  if (ops.closed.includes(member.name)) return refuse(ERRNO.ENOTSUPP, `unsupported member ${member.name}`);
  const sleeps = (env.input.progFlags & PROG_FLAG.SLEEPABLE) !== 0;
  if (sleeps && ops.sleepable && !ops.sleepable.includes(member.name)) {
    return refuse(ERRNO.EINVAL, `unsupported member ${member.name}`);
  }
  return checkPrototype(env, btf, member.name, proto) || setTarget(env, struct, member, proto, ops);
}

/** What a member that is a pointer to a function points to. */
function prototypeOf(btf: Btf, id: number): BtfFuncProto | undefined {
  const pointer = btf.resolve(id);
  const type = pointer.kind === KIND.PTR ? btf.resolve(pointer.type) : pointer;
  return pointer.kind === KIND.PTR && type.kind === KIND.FUNC_PROTO ? type : undefined;
}

function setTarget(
  env: Env,
  struct: BtfComposite,
  { name }: BtfMember,
  { params, type: result }: BtfFuncProto,
  { nullable = {}, seenAs, writable }: StructOps,
): number {
  env.target = {
    name,
    path: `${struct.name}.${name}`,
    params: params.map(({ type }, i) => {
      const given = nullable[name]?.includes(i) ? REG.BTF_ID | TRUSTED | MAYBE_NULL : 0;
      return { type, given, flags: TRUSTED };
    }),
    slots: params.map(({ type }) => type),
    result,
    returnsNothing: result === 0,
    seenAs,
    writable,
  };
  return 0;
}
