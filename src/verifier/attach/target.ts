/**
 * What the program is attached to (@kernel check_attach_btf_id). Rejects (EINVAL): `Only … can be sleepable`, `Syscall
 * programs can only be sleepable`, `Tracing programs must provide btf_id`, `attach_btf_id %u is invalid`, `attach_btf_id %u
 * is not a typedef`, `attach_btf_id %u points to wrong type name %s`, `attach_btf_id %u is not a function`, and functions
 * that are no iterator; prototypes: see prototype.ts, members of structs: see struct-ops.ts.
 */
import { type Btf, type BtfFuncProto, KIND } from '../../btf/index.ts';
import { iteratorArgs, mayPassNull } from '../../contracts/index.ts';
import { ERRNO } from '../../errors/index.ts';
import { ATTACH_TYPE, PROG_FLAG, PROG_TYPE } from '../../uapi/index.ts';
import { UnsupportedConstruct } from '../context.ts';
import type { Env } from '../env.ts';
import { kernelTypes } from '../kernel-types.ts';
import { MAYBE_NULL, RDONLY, REG, TRUSTED } from '../state/reg.ts';
import type { AttachParam } from './attach-target.ts';
import { checkPrototype } from './prototype.ts';
import { checkStructOps } from './struct-ops.ts';

/** Attach types of tracing programs that may sleep. */
const MAY_SLEEP: readonly number[] = [
  ATTACH_TYPE.TRACE_FENTRY,
  ATTACH_TYPE.TRACE_FEXIT,
  ATTACH_TYPE.MODIFY_RETURN,
  ATTACH_TYPE.TRACE_ITER,
];

const SLEEPERS: readonly number[] = [PROG_TYPE.KPROBE, PROG_TYPE.LSM, PROG_TYPE.STRUCT_OPS, PROG_TYPE.SYSCALL];

/** Sets `env.target` where there is one. @returns 0 or -errno */
export function checkAttachTarget(env: Env): number {
  const { progType } = env.input;
  const err = checkSleepable(env);
  if (err) return err;
  switch (progType) {
    case PROG_TYPE.TRACING:
      return checkTracing(env);
    case PROG_TYPE.STRUCT_OPS:
      return checkStructOps(env);
    case PROG_TYPE.LSM:
    case PROG_TYPE.EXT:
      throw new UnsupportedConstruct(`program type ${progType}`);
    default:
      return 0;
  }
}

function checkSleepable(env: Env): number {
  const { progType, expectedAttachType } = env.input;
  if (!(env.input.progFlags & PROG_FLAG.SLEEPABLE)) {
    return progType === PROG_TYPE.SYSCALL ? env.fail(ERRNO.EINVAL, 'Syscall programs can only be sleepable') : 0;
  }
  if (SLEEPERS.includes(progType)) return 0;
  if (progType === PROG_TYPE.TRACING && MAY_SLEEP.includes(expectedAttachType)) return 0;
  const who = 'fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs';
  return env.fail(ERRNO.EINVAL, `Only ${who} can be sleepable`);
}

/** @kernel bpf_check_attach_target */
function checkTracing(env: Env): number {
  const { attachBtfId: id = 0, attachesToProgram, expectedAttachType } = env.input;
  if (!id) return env.fail(ERRNO.EINVAL, 'Tracing programs must provide btf_id');
  if (attachesToProgram) throw new UnsupportedConstruct('attaching to another program');
  const btf = kernelTypes(env);
  if (id >= btf.length) return env.fail(ERRNO.EINVAL, `attach_btf_id ${id} is invalid`);
  switch (expectedAttachType) {
    case ATTACH_TYPE.TRACE_RAW_TP:
      return checkTracepoint(env, btf, id);
    case ATTACH_TYPE.TRACE_ITER:
      return checkIterator(env, btf, id);
    case ATTACH_TYPE.TRACE_FENTRY:
    case ATTACH_TYPE.TRACE_FEXIT:
    case ATTACH_TYPE.MODIFY_RETURN:
    case ATTACH_TYPE.LSM_MAC:
    case ATTACH_TYPE.LSM_CGROUP:
      throw new UnsupportedConstruct(`tracing programs of attach type ${expectedAttachType}`);
    default:
      return -ERRNO.EINVAL;
  }
}

/** Tracepoints are typedefs of pointers to what they call. */
const TRACEPOINT = 'btf_trace_';

function checkTracepoint(env: Env, btf: Btf, id: number): number {
  const type = btf.type(id);
  if (type.kind !== KIND.TYPEDEF) return env.fail(ERRNO.EINVAL, `attach_btf_id ${id} is not a typedef`);
  if (!type.name.startsWith(TRACEPOINT)) {
    return env.fail(ERRNO.EINVAL, `attach_btf_id ${id} points to wrong type name ${type.name}`);
  }
  const pointer = btf.type(type.type);
  const proto = pointer.kind === KIND.PTR ? btf.resolve(pointer.type) : pointer;
  if (proto.kind !== KIND.FUNC_PROTO) return -ERRNO.EINVAL;
  const name = type.name.slice(TRACEPOINT.length);
  // The first parameter is the tracepoint's own.
  const params = proto.params.slice(1).map((param, i) => {
    return { type: param.type, given: 0, flags: mayPassNull(name, i) ? TRUSTED | MAYBE_NULL : TRUSTED };
  });
  setTarget(env, name, params, proto);
  return 0;
}

/** What each word of the contracts table is. */
const GIVEN = {
  trusted: REG.BTF_ID | TRUSTED | MAYBE_NULL,
  plain: REG.BTF_ID | MAYBE_NULL,
  buf: REG.BUF | MAYBE_NULL,
  rdonly_buf: REG.BUF | RDONLY | MAYBE_NULL,
  '-': 0,
};

function checkIterator(env: Env, btf: Btf, id: number): number {
  const type = btf.type(id);
  if (type.kind !== KIND.FUNC) return env.fail(ERRNO.EINVAL, `attach_btf_id ${id} is not a function`);
  const proto = btf.type(type.type);
  if (proto.kind !== KIND.FUNC_PROTO) return -ERRNO.EINVAL;
  const err = checkPrototype(env, btf, type.name, proto);
  if (err) return err;
  const args = iteratorArgs(type.name);
  if (!args) return -ERRNO.EINVAL;
  const params = proto.params.map((param, i) => {
    return { type: param.type, given: GIVEN[args[i - 1] ?? '-'], flags: TRUSTED };
  });
  setTarget(env, type.name, params, proto);
  return 0;
}

function setTarget(env: Env, name: string, params: readonly AttachParam[], proto: BtfFuncProto): void {
  env.target = { name, path: name, params, slots: proto.params.map((param) => param.type), result: proto.type };
}
