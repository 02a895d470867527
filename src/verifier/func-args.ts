/**
 * What a function expects of its arguments, read from its BTF prototype (@kernel btf_prepare_func_args). Parameters may be
 * numbers, the context, and memory whose size its type tells; tags (`arg:ctx`, `arg:nonnull`) say more.
 *
 * Refuses (EINVAL), in words only where the function is global, but for the first: `arg#%d type tag is not supported in static
 * functions`, `arg#%d has unsupported set of tags` (EOPNOTSUPP); `arg#%d has invalid combination of tags`, `arg#%d untrusted
 * cannot be combined with any other tags`, `arg#%d should be \`struct %s *\``, `arg#%d should be void pointer`,
 * `arg#%d type doesn't have a name`, `arg#%d reference type('%s %s') has no matches`
 * (ENOENT), `… candidate matching error: -22`, `Global function %s() with %d > %d args. Buggy compiler.`,
 * `Global function %s() doesn't return scalar. Only those are supported.`, `arg#%d reference type('%s %s') size cannot be
 * determined: %d`, `arg#%d has pointer tag, but is not a pointer type`, `Arg#%d type %s in %s() is not supported yet.`
 */
import { type Btf, type BtfDeclTag, type BtfType, isModifier, KIND, KIND_NAMES } from '../btf/index.ts';
import { ERRNO } from '../errors/index.ts';
import { ATTACH_TYPE, PROG_TYPE } from '../uapi/index.ts';
import { type Context, UnsupportedConstruct } from './context.ts';
import type { FuncArg, FunctionInfo } from './insn-aux.ts';
import { kernelTypes, structNumber } from './kernel-types.ts';

/** Most arguments: r1 to r5. */
const MAX_ARGS = 5;

/** Arguments of a raw tracepoint, which tracepoints with types take for theirs too. */
const RAW_ARGS = 'bpf_raw_tracepoint_args';

/** A typedef, of the registers where a program interrupts. */
const USER_REGS = 'bpf_user_pt_regs_t';

/** @kernel enum btf_arg_tag */
const TAGS: ReadonlySet<string> = new Set(['ctx', 'nonnull', 'nullable', 'trusted', 'untrusted', 'arena']);

/** Types whose tagged context may have any type; the saved registers; words of 64 bits. Measured. */
const ANY_CONTEXT = new Set<number>([PROG_TYPE.SYSCALL, PROG_TYPE.TRACEPOINT]);
const WITH_REGS = new Set<number>([PROG_TYPE.KPROBE, PROG_TYPE.PERF_EVENT]);
const WORDS = new Set<number>([PROG_TYPE.RAW_TRACEPOINT, PROG_TYPE.RAW_TRACEPOINT_WRITABLE]);

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
  [PROG_TYPE.KPROBE]: ['pt_regs', USER_REGS],
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

  #refuse(text: string, errno: number = ERRNO.EINVAL): number {
    if (this.#func.isGlobal) this.#ctx.log.write(`${text}\n`);
    return -errno;
  }

  #arg(i: number, id: number): FuncArg | number {
    const btf = this.#btf;
    const tags = this.#tags(i);
    if (typeof tags === 'number') return tags;
    const type = btf.resolve(id);
    if (type.kind === KIND.PTR) return this.#pointer(i, type.type, tags);
    if (tags.size) return this.#refuse(`arg#${i} has pointer tag, but is not a pointer type`);
    if (isNumber(btf, id)) return { kind: 'scalar' };
    return this.#refuse(`Arg#${i} type ${kindName(type.kind)} in ${this.#func.name}() is not supported yet.`);
  }

  #pointer(i: number, target: number, tags: ReadonlySet<string>): FuncArg | number {
    const type = this.#btf.resolve(target);
    const only = (...allowed: string[]): boolean => [...tags].every((tag) => allowed.includes(tag));
    const invalid = (): number => this.#refuse(`arg#${i} has invalid combination of tags`);
    if (tags.has('ctx') || this.#isContext(target)) {
      if (!only('ctx')) return invalid();
      return tags.has('ctx') ? this.#taggedContext(i, target) : { kind: 'ctx' };
    }
    if ((type.kind === KIND.STRUCT || type.kind === KIND.FWD) && type.name === 'bpf_dynptr') {
      return only() ? { kind: 'dynptr' } : invalid();
    }
    if (tags.has('trusted')) {
      // That it is both is no contradiction to Linux.
      if (!only('trusted', 'nullable', 'untrusted')) return invalid();
      const struct = this.#kernelStruct(i, type);
      return struct < 0 ? struct : { kind: 'trusted', struct, nullable: tags.has('nullable') };
    }
    if (tags.has('untrusted')) {
      if (!only('untrusted')) return this.#refuse(`arg#${i} untrusted cannot be combined with any other tags`);
      if (type.kind === KIND.VOID || type.kind === KIND.INT || isEnum(type)) return { kind: 'untrusted', struct: -1 };
      const struct = this.#kernelStruct(i, type);
      return struct < 0 ? struct : { kind: 'untrusted', struct };
    }
    if (tags.has('arena')) throw new UnsupportedConstruct('parameter with tag arg:arena');
    if (!this.#func.isGlobal) return -ERRNO.EINVAL;
    if (!only('nonnull')) return invalid();
    const size = this.#btf.size(target);
    if (size === undefined) {
      const text = `${kindName(type.kind)} ${type.kind === KIND.VOID ? '' : type.name}`;
      return this.#refuse(`arg#${i} reference type('${text}') size cannot be determined: ${-ERRNO.EINVAL}`);
    }
    return { kind: 'mem', size, nullable: !tags.has('nonnull') };
  }

  /** Whether `target` is the context by its name. */
  #isContext(target: number): boolean {
    const { progType } = this.#ctx.input;
    const type = this.#btf.resolve(target);
    if (type.kind === KIND.STRUCT && CTX_STRUCT[progType]?.includes(type.name)) return true;
    return progType === PROG_TYPE.KPROBE && this.#isTypedef(target, USER_REGS);
  }

  /** What a pointer with the tag `arg:ctx` may point to; void is always right. */
  #taggedContext(i: number, target: number): FuncArg | number {
    const { progType } = this.#ctx.input;
    const type = this.#btf.resolve(target);
    const isRegs = WITH_REGS.has(progType) && this.#isTypedef(target, USER_REGS);
    if (type.kind === KIND.VOID || isRegs) return { kind: 'ctx' };
    if (!type.name) return this.#refuse(`arg#${i} type doesn't have a name`);
    if (this.#ctx.target) return this.#wordsOfTarget(i, type);
    const fits =
      ANY_CONTEXT.has(progType) ||
      (type.kind === KIND.STRUCT && type.name === CTX_STRUCT[progType]?.[0]) ||
      (type.kind === KIND.STRUCT && type.name === 'pt_regs' && WITH_REGS.has(progType)) ||
      (WORDS.has(progType) && type.kind === KIND.INT && type.size === 8);
    return fits ? { kind: 'ctx' } : this.#refuse(`arg#${i} should be \`struct ${CTX_STRUCT[progType]?.[0]} *\``);
  }

  /** The context of a program that is attached by BTF: words of 64 bits, of iterators a struct with such a name. */
  #wordsOfTarget(i: number, { kind, name, ...type }: BtfType): FuncArg | number {
    const { progType, expectedAttachType } = this.#ctx.input;
    const isTracing = progType === PROG_TYPE.TRACING;
    const isIterator = isTracing && expectedAttachType === ATTACH_TYPE.TRACE_ITER;
    const struct = kind === KIND.STRUCT ? name : '';
    const isWords = kind === KIND.INT && 'size' in type && type.size === 8;
    const fits = isIterator ? struct.startsWith('bpf_iter__') : isWords || (isTracing && struct === RAW_ARGS);
    return fits ? { kind: 'ctx' } : this.#refuse(`arg#${i} should be void pointer`);
  }

  /** Whether the type is the typedef of that name, or another name of it. */
  #isTypedef(id: number, name: string): boolean {
    for (let type = this.#btf.type(id); isModifier(type); type = this.#btf.type(type.type)) {
      if (type.kind === KIND.TYPEDEF && type.name === name) return true;
    }
    return false;
  }

  /** The number of the kernel's struct of that name, or -errno. */
  #kernelStruct(i: number, type: BtfType): number {
    const name = type.kind === KIND.VOID ? '' : type.name;
    const text = `arg#${i} reference type('${kindName(type.kind)} ${name || '(anon)'}')`;
    const refuse = (errno: number, end: string): number => this.#refuse(`${text} ${end}`, errno);
    if (!name) return refuse(ERRNO.EINVAL, `candidate matching error: ${-ERRNO.EINVAL}`);
    kernelTypes(this.#ctx);
    const kinds = type.kind === KIND.FWD ? [KIND.STRUCT] : isEnum(type) ? [KIND.ENUM, KIND.ENUM64] : [type.kind];
    // What is behind three underscores only tells versions of a struct apart.
    const [id, other] = this.#ctx.input.kernelBtf?.all(name.replace(/___.*$/s, ''), kinds) ?? [];
    if (id === undefined) return refuse(ERRNO.ENOENT, 'has no matches');
    return other === undefined ? structNumber(this.#ctx, id) : refuse(ERRNO.ESRCH, 'is ambiguous');
  }

  /** The `arg:` tags of parameter `i`, or -errno. */
  #tags(i: number): ReadonlySet<string> | number {
    const { type } = this.#func;
    const tags = new Set<string>();
    for (const tag of declTags(this.#btf)) {
      if (tag.type === type && tag.component === i && tag.name.startsWith('arg:')) tags.add(tag.name.slice(4));
    }
    if (tags.size === 0) return tags;
    if (!this.#func.isGlobal) {
      this.#ctx.log.write(`arg#${i} type tag is not supported in static functions\n`);
      return -ERRNO.EOPNOTSUPP;
    }
    if ([...tags].every((tag) => TAGS.has(tag))) return tags;
    return this.#refuse(`arg#${i} has unsupported set of tags`, ERRNO.EOPNOTSUPP);
  }
}

const isEnum = ({ kind }: BtfType): boolean => kind === KIND.ENUM || kind === KIND.ENUM64;

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
