/**
 * The context of a program that is attached to a function of the kernel: its arguments, a word of 8 bytes each (@kernel
 * btf_ctx_access). Rejects (EACCES): `func '%s' offset %d is not multiple of 8`, `func '%s' doesn't have %d-th argument`,
 * `func '%s' size %d must be 8`, `func '%s' arg%d type %s is not a struct`, each with `invalid bpf_context access`, which is
 * also all that stores and offsets that are not aligned are told.
 */
import { type Btf, type BtfType, isModifier, KIND, KIND_NAMES } from '../../btf/index.ts';
import { ERRNO } from '../../errors/index.ts';
import type { AttachParam, AttachTarget } from '../attach/attach-target.ts';
import { slotSize } from '../attach/prototype.ts';
import { UnsupportedConstruct } from '../context.ts';
import type { Env } from '../env.ts';
import { kernelId, kernelPointer, kernelTypes } from '../kernel-types.ts';
import { baseType, pointer, REG, type Reg } from '../state/reg.ts';

/** Bytes: the most arguments that a function may have. */
const SIZE = 12 * 8;

/** Access of the context at `off`; a load fills `dst` unless it is negative. */
export function checkTargetCtx(
  env: Env,
  target: AttachTarget,
  off: number,
  size: number,
  write: boolean,
  dst: number,
): number {
  const loaded = write || off < 0 || off >= SIZE || off % size ? undefined : load(env, target, off, size);
  if (!loaded) return env.fail(ERRNO.EACCES, `invalid bpf_context access off=${off} size=${size}`);
  if (dst >= 0) env.regs[dst] = loaded;
  return 0;
}

/** What a load gives; undefined where it is refused. */
function load(env: Env, target: AttachTarget, off: number, size: number): Reg | undefined {
  const refuse = (text: string): undefined => {
    env.log.write(`func '${target.name}' ${text}\n`);
    return undefined;
  };
  if (off % 8) return refuse(`offset ${off} is not multiple of 8`);
  const btf = kernelTypes(env);
  const arg = argAt(btf, target, off);
  if (arg >= target.params.length) return refuse(`doesn't have ${arg + 1}-th argument`);
  const param = target.params[arg];
  const type = btf.resolve(param.type);
  if (type.kind !== KIND.PTR) return env.unknown();
  if (size !== 8) return refuse(`size ${size} must be 8`);
  const pointee = pointeeOf(btf, type.type);
  if (param.given) return given(env, param, pointee);
  if (pointee.kind === KIND.VOID || pointee.kind === KIND.INT) return env.unknown();
  if (pointee.kind !== KIND.STRUCT && pointee.kind !== KIND.UNION) {
    return refuse(`arg${arg} type ${KIND_NAMES[pointee.kind]} is not a struct`);
  }
  const kind = KIND_NAMES[pointee.kind];
  refuse(`arg${arg} has btf_id ${pointee.id} type ${kind} '${pointee.name || '(anon)'}'`);
  const [declared, seen] = target.seenAs ?? [];
  const id = seen !== undefined && pointee.name === declared ? kernelId(env, seen) : pointee.id;
  return kernelPointer(env, param.flags, id);
}

/** The argument whose words hold `off`; one more than there are for the result, two more behind it. */
function argAt(btf: Btf, { slots, result }: AttachTarget, off: number): number {
  let end = 0;
  for (const [arg, type] of [...slots, result].entries()) {
    end += slotSize(btf, type);
    if (off < end) return arg;
  }
  return slots.length + 1;
}

/** The type behind a pointer. */
function pointeeOf(btf: Btf, id: number): BtfType {
  let type = btf.type(id);
  while (isModifier(type)) {
    // Tags say whose memory it is.
    if (type.kind === KIND.TYPE_TAG) throw new UnsupportedConstruct(`argument with type tag ${type.name}`);
    type = btf.type(type.type);
  }
  return type;
}

function given(env: Env, { given: type }: AttachParam, pointee: BtfType): Reg {
  if (baseType(type) !== REG.BUF) return kernelPointer(env, type & ~0xff, pointee.id);
  return pointer(type, env.store.ZERO, ++env.idGen);
}
