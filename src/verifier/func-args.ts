/**
 * What a function expects of its arguments, read from its BTF prototype (@kernel btf_prepare_func_args). Parameters may be
 * numbers, the context, and memory whose size its type tells; tags (`arg:ctx`, `arg:nonnull`) say more.
 *
 * Refuses (EINVAL), in words only where the function is global: `Global function %s() with %d > %d args. Buggy compiler.`,
 * `Global function %s() doesn't return scalar. Only those are supported.`, `arg#%d reference type('%s %s') size cannot be
 * determined: %d`, `arg#%d has pointer tag, but is not a pointer type`, `Arg#%d type %s in %s() is not supported yet.`
 */
import { type Btf, type BtfDeclTag, KIND, KIND_NAMES } from '../btf/index.ts';
import { ERRNO } from '../errors/index.ts';
import { PROG_TYPE } from '../uapi/index.ts';
import { type Context, UnsupportedConstruct } from './context.ts';
import type { FuncArg, FunctionInfo } from './insn-aux.ts';

/** Most arguments: r1 to r5. */
const MAX_ARGS = 5;

/**
 * The structure that each program type's context points to, as programs name it. Source: `struct bpf_ctx_convert` in the
 * kernel's BTF, which pairs them in the order of program types.
 */
const CTX_STRUCT: { readonly [type: number]: readonly string[] } = {
  [PROG_TYPE.SOCKET_FILTER]: ['__sk_buff', 'sk_buff'],
  [PROG_TYPE.SCHED_CLS]: ['__sk_buff', 'sk_buff'],
  [PROG_TYPE.SCHED_ACT]: ['__sk_buff', 'sk_buff'],
  [PROG_TYPE.XDP]: ['xdp_md', 'xdp_buff'],
  [PROG_TYPE.CGROUP_SKB]: ['__sk_buff', 'sk_buff'],
  [PROG_TYPE.CGROUP_SOCK]: ['bpf_sock'],
  [PROG_TYPE.CGROUP_SOCK_ADDR]: ['bpf_sock_addr'],
  [PROG_TYPE.LWT_IN]: ['__sk_buff', 'sk_buff'],
  [PROG_TYPE.LWT_OUT]: ['__sk_buff', 'sk_buff'],
  [PROG_TYPE.LWT_XMIT]: ['__sk_buff', 'sk_buff'],
  [PROG_TYPE.LWT_SEG6LOCAL]: ['__sk_buff', 'sk_buff'],
  [PROG_TYPE.SOCK_OPS]: ['bpf_sock_ops'],
  [PROG_TYPE.SK_SKB]: ['__sk_buff', 'sk_buff'],
  [PROG_TYPE.SK_MSG]: ['sk_msg_md'],
  [PROG_TYPE.FLOW_DISSECTOR]: ['__sk_buff', 'sk_buff'],
  [PROG_TYPE.KPROBE]: ['pt_regs'],
  [PROG_TYPE.PERF_EVENT]: ['bpf_perf_event_data'],
  [PROG_TYPE.RAW_TRACEPOINT]: ['bpf_raw_tracepoint_args'],
  [PROG_TYPE.RAW_TRACEPOINT_WRITABLE]: ['bpf_raw_tracepoint_args'],
  [PROG_TYPE.CGROUP_DEVICE]: ['bpf_cgroup_dev_ctx'],
  [PROG_TYPE.CGROUP_SYSCTL]: ['bpf_sysctl'],
  [PROG_TYPE.CGROUP_SOCKOPT]: ['bpf_sockopt'],
  [PROG_TYPE.SK_REUSEPORT]: ['sk_reuseport_md'],
  [PROG_TYPE.SK_LOOKUP]: ['bpf_sk_lookup'],
  [PROG_TYPE.NETFILTER]: ['bpf_nf_ctx'],
};

/** @returns the parameters, or -errno */
export function argsOf(ctx: Context, func: FunctionInfo): readonly FuncArg[] | number {
  if (func.args) return func.args;
  const args = new ArgReader(ctx, func).read();
  if (typeof args !== 'number') func.args = args;
  return args;
}

class ArgReader {
  readonly #ctx: Context;
  readonly #btf: Btf;
  readonly #func: FunctionInfo;

  constructor(ctx: Context, func: FunctionInfo) {
    this.#ctx = ctx;
    this.#btf = ctx.aux.btf!;
    this.#func = func;
  }

  read(): FuncArg[] | number {
    const { name } = this.#func;
    const func = this.#btf.type(this.#func.type);
    const proto = func.kind === KIND.FUNC ? this.#btf.type(func.type) : undefined;
    if (proto?.kind !== KIND.FUNC_PROTO) return -ERRNO.EINVAL;
    const count = proto.params.length;
    if (count > MAX_ARGS)
      return this.#refuse(`Global function ${name}() with ${count} > ${MAX_ARGS} args. Buggy compiler.`);
    if (!isNumber(this.#btf, proto.type)) {
      return this.#refuse(`Global function ${name}() doesn't return scalar. Only those are supported.`);
    }
    const args: FuncArg[] = [];
    for (let i = 0; i < count; i++) {
      const arg = this.#arg(i, proto.params[i].type);
      if (typeof arg === 'number') return arg;
      args.push(arg);
    }
    return args;
  }

  #refuse(text: string): number {
    if (this.#func.isGlobal) this.#ctx.log.write(`${text}\n`);
    return -ERRNO.EINVAL;
  }

  #arg(i: number, id: number): FuncArg | number {
    const btf = this.#btf;
    const tags = this.#tags(i);
    const type = btf.resolve(id);
    if (type.kind === KIND.PTR) return this.#pointer(i, type.type, tags);
    if (tags.length) return this.#refuse(`arg#${i} has pointer tag, but is not a pointer type`);
    if (isNumber(btf, id)) return { kind: 'scalar' };
    return this.#refuse(`Arg#${i} type ${kindName(type.kind)} in ${this.#func.name}() is not supported yet.`);
  }

  #pointer(i: number, target: number, tags: readonly string[]): FuncArg | number {
    const type = this.#btf.resolve(target);
    const isCtx = type.kind === KIND.STRUCT && CTX_STRUCT[this.#ctx.input.progType]?.includes(type.name);
    if (isCtx || (tags.includes('ctx') && type.kind === KIND.VOID)) {
      if (tags.some((tag) => tag !== 'ctx')) return this.#refuse(`arg#${i} has invalid combination of tags`);
      return { kind: 'ctx' };
    }
    const other = tags.find((tag) => tag !== 'nonnull');
    if (other) throw new UnsupportedConstruct(`parameter with tag arg:${other}`);
    if (type.kind === KIND.STRUCT && type.name === 'bpf_dynptr') throw new UnsupportedConstruct('dynptr parameter');
    if (!this.#func.isGlobal) return -ERRNO.EINVAL;
    const size = this.#btf.size(target);
    if (size === undefined) {
      const text = `${kindName(type.kind)} ${type.kind === KIND.VOID ? '' : type.name}`;
      return this.#refuse(`arg#${i} reference type('${text}') size cannot be determined: ${-ERRNO.EINVAL}`);
    }
    return { kind: 'mem', size, nullable: !tags.includes('nonnull') };
  }

  /** The `arg:` tags of parameter `i`. */
  #tags(i: number): string[] {
    const { type } = this.#func;
    const tags = declTags(this.#btf)
      .filter((tag) => tag.type === type && tag.component === i && tag.name.startsWith('arg:'))
      .map((tag) => tag.name.slice(4));
    if (tags.length && !this.#func.isGlobal) throw new UnsupportedConstruct('tagged parameter of a static function');
    return tags;
  }
}

const tagsOf = new WeakMap<Btf, readonly BtfDeclTag[]>();

/** All declaration tags, looked for once. */
function declTags(btf: Btf): readonly BtfDeclTag[] {
  let tags = tagsOf.get(btf);
  if (!tags) {
    const found: BtfDeclTag[] = [];
    for (let id = 1; id < btf.length; id++) {
      const type = btf.kind(id) === KIND.DECL_TAG ? btf.type(id) : undefined;
      if (type?.kind === KIND.DECL_TAG) found.push(type);
    }
    tagsOf.set(btf, (tags = found));
  }
  return tags;
}

const kindName = (kind: number): string => (kind === KIND.VOID ? 'UNKNOWN' : KIND_NAMES[kind]);

/** An integer or an enumeration, of any size. */
function isNumber(btf: Btf, id: number): boolean {
  const { kind } = btf.resolve(id);
  return kind === KIND.INT || kind === KIND.ENUM || kind === KIND.ENUM64;
}
