/**
 * The function and line records that a compiler leaves beside a program. Guarantees: one function record for each
 * function of the program, `ctx.lines` ascending and inside the program, `aux.line` the line that covers each slot.
 *
 * `checkFuncInfo`, before functions are looked for: `invalid func info rec size %u`, `nonzero tailing record in func
 * info` (E2BIG), `nonzero insn_off %u for the first func info record`, `same or smaller insn offset (%u) than previous
 * func info record (%u)`, `invalid type id %d in func info`.
 *
 * `checkBtfInfo`, when the functions are known: `number of funcs in func_info doesn't match number of subprogs`,
 * `func_info BTF section doesn't match subprog layout in BPF program`, `LD_ABS` and `tail_call` `is only allowed in
 * functions that return 'int'.`, `is not allowed in subprogs without BTF`; `nonzero tailing record in line_info` (E2BIG),
 * `Invalid line_info[%u].insn_off:%u (prev_offset:%u prog->len:%u)`, `Invalid insn code at line_info[%u].insn_off`,
 * `Invalid line_info[%u].line_off or .file_name_off`, `missing bpf_line_info for func#%u`.
 */
import { Btf, KIND, LINKAGE } from '../btf/index.ts';
import { ERRNO, FormatError } from '../errors/index.ts';
import type { Context, SourceLine } from './context.ts';
import type { FunctionInfo } from './insn-aux.ts';

/** Bytes that every record has; a record may be longer when the rest is 0. */
const FUNC_RECORD = 8;
const LINE_RECORD = 16;
const MAX_RECORD = 252;

interface Records {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  readonly size: number;
  readonly count: number;
}

function recordsOf(bytes: Uint8Array, size: number): Records {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { view, bytes, size, count: size > 0 ? Math.floor(bytes.length / size) : 0 };
}

/** Whether a record has bytes set behind those that are known. */
function hasTail(records: Records, index: number, known: number): boolean {
  if (records.size === known) return false;
  const at = index * records.size;
  return records.bytes.subarray(at + known, at + records.size).some((byte) => byte !== 0);
}

function isRecordSize(size: number, least: number): boolean {
  return size >= least && size <= MAX_RECORD && size % 4 === 0;
}

/** Refuse with a sentence; Linux ends some of them without a newline. */
function refuse(ctx: Context, text: string, errno: number = ERRNO.EINVAL): number {
  ctx.log.write(text);
  return -errno;
}

/** What `read` finds in the BTF, or undefined where it finds nothing. */
function lookUp<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (problem) {
    if (problem instanceof FormatError) return undefined;
    throw problem;
  }
}

/** The program's BTF; undefined when it has none, or one that would not load. */
function btfOf(ctx: Context): Btf | undefined {
  const { btf } = ctx.input;
  return btf && (btf.types ?? lookUp(() => Btf.parse(btf.btf)));
}

/** The first pass over the function records: each by itself. */
export function checkFuncInfo(ctx: Context): number {
  const info = ctx.input.btf;
  if (!info || info.funcInfo.length === 0) return 0;
  if (!isRecordSize(info.funcInfoRecSize, FUNC_RECORD)) {
    return refuse(ctx, `invalid func info rec size ${info.funcInfoRecSize}\n`);
  }
  const btf = btfOf(ctx);
  if (!btf) return -ERRNO.EINVAL;
  const records = recordsOf(info.funcInfo, info.funcInfoRecSize);
  let previous = 0;
  for (let i = 0; i < records.count; i++) {
    if (hasTail(records, i, FUNC_RECORD)) return refuse(ctx, 'nonzero tailing record in func info', ERRNO.E2BIG);
    const { insn, type } = funcRecord(records, i);
    if (i === 0 && insn !== 0) return refuse(ctx, `nonzero insn_off ${insn} for the first func info record`);
    if (i > 0 && insn <= previous) {
      return refuse(ctx, `same or smaller insn offset (${insn}) than previous func info record (${previous})`);
    }
    if (lookUp(() => btf.type(type))?.kind !== KIND.FUNC)
      return refuse(ctx, `invalid type id ${type | 0} in func info`);
    previous = insn;
  }
  return 0;
}

function funcRecord({ view, size }: Records, index: number): { insn: number; type: number } {
  return { insn: view.getUint32(index * size, true), type: view.getUint32(index * size + 4, true) };
}

/** The second pass: records against the program's functions, and the lines. */
export function checkBtfInfo(ctx: Context): number {
  const info = ctx.input.btf;
  if (!info || info.funcInfo.length === 0) {
    const err = checkWithoutFuncInfo(ctx);
    if (err || !info || info.lineInfo.length === 0) return err;
  }
  const btf = btfOf(ctx);
  if (!btf) return -ERRNO.EINVAL;
  ctx.aux.btf = btf;
  return checkLayout(ctx, btf) || checkLines(ctx, btf);
}

/** What a function other than the first may not do where its type is not known. */
function checkWithoutFuncInfo(ctx: Context): number {
  for (const { hasLdAbs, hasTailCall } of ctx.aux.subprogs.slice(1)) {
    if (hasLdAbs) return refuse(ctx, 'LD_ABS is not allowed in subprogs without BTF\n');
    if (hasTailCall) return refuse(ctx, 'tail_call is not allowed in subprogs without BTF\n');
  }
  return 0;
}

function checkLayout(ctx: Context, btf: Btf): number {
  const info = ctx.input.btf!;
  if (info.funcInfo.length === 0) return 0;
  const records = recordsOf(info.funcInfo, info.funcInfoRecSize);
  const { subprogs } = ctx.aux;
  if (records.count !== subprogs.length) {
    return refuse(ctx, "number of funcs in func_info doesn't match number of subprogs\n");
  }
  for (let i = 0; i < records.count; i++) {
    const { insn, type } = funcRecord(records, i);
    if (insn !== subprogs[i].start) {
      return refuse(ctx, "func_info BTF section doesn't match subprog layout in BPF program\n");
    }
    subprogs[i].func = functionInfo(btf, type);
    if (i === 0 || returnsScalar(btf, type)) continue;
    if (subprogs[i].hasLdAbs) return refuse(ctx, "LD_ABS is only allowed in functions that return 'int'.\n");
    if (subprogs[i].hasTailCall) return refuse(ctx, "tail_call is only allowed in functions that return 'int'.\n");
  }
  return 0;
}

function functionInfo(btf: Btf, id: number): FunctionInfo {
  const type = btf.type(id);
  const isGlobal = type.kind === KIND.FUNC && type.linkage === LINKAGE.GLOBAL;
  const fresh = { unreliable: false, called: false, verified: false, args: undefined };
  return { name: type.name, type: id, isGlobal, ...fresh };
}

/** Whether a function returns an integer or enumeration that fits a register. */
function returnsScalar(btf: Btf, func: number): boolean {
  const type = btf.type(func);
  const proto = type.kind === KIND.FUNC ? btf.type(type.type) : undefined;
  if (proto?.kind !== KIND.FUNC_PROTO) return false;
  const result = btf.resolve(proto.type);
  if (result.kind === KIND.INT) return result.size <= 8;
  return result.kind === KIND.ENUM || result.kind === KIND.ENUM64;
}

function checkLines(ctx: Context, btf: Btf): number {
  const info = ctx.input.btf!;
  if (info.lineInfo.length === 0) return 0;
  if (!isRecordSize(info.lineInfoRecSize, LINE_RECORD)) return -ERRNO.EINVAL;
  const records = recordsOf(info.lineInfo, info.lineInfoRecSize);
  const { subprogs } = ctx.aux;
  const count = ctx.insns.length;
  const lines: SourceLine[] = [];
  let subprog = 0;
  for (let i = 0; i < records.count; i++) {
    if (hasTail(records, i, LINE_RECORD)) return refuse(ctx, 'nonzero tailing record in line_info', ERRNO.E2BIG);
    const insn = records.view.getUint32(i * records.size, true);
    const previous = lines.length ? lines[i - 1].insn : 0;
    if ((i > 0 && insn <= previous) || insn >= count) {
      return refuse(ctx, `Invalid line_info[${i}].insn_off:${insn} (prev_offset:${previous} prog->len:${count})\n`);
    }
    if (ctx.insns[insn].opcode === 0) return refuse(ctx, `Invalid insn code at line_info[${i}].insn_off\n`);
    const line = lineRecord(records, i, btf);
    if (!line) return refuse(ctx, `Invalid line_info[${i}].line_off or .file_name_off\n`);
    if (subprog < subprogs.length) {
      if (insn === subprogs[subprog].start) subprog++;
      else if (insn > subprogs[subprog].start) return refuse(ctx, `missing bpf_line_info for func#${subprog}\n`);
    }
    lines.push(line);
  }
  if (subprog < subprogs.length) {
    const missing = subprogs.length - subprog;
    return refuse(ctx, `missing bpf_line_info for ${missing} funcs starting from func#${subprog}\n`);
  }
  setLines(ctx, lines);
  return 0;
}

/** A line record; undefined when an offset is outside of the strings. */
function lineRecord({ view, size }: Records, index: number, btf: Btf): SourceLine | undefined {
  const at = index * size;
  const file = view.getUint32(at + 4, true);
  const text = view.getUint32(at + 8, true);
  if (!btf.hasString(file) || !btf.hasString(text)) return undefined;
  return new LineRecord(btf, view.getUint32(at, true), file, text, view.getUint32(at + 12, true));
}

/** Its texts are read when somebody wants them: most programs' never are. */
class LineRecord implements SourceLine {
  readonly insn: number;
  readonly #btf: Btf;
  readonly #file: number;
  readonly #text: number;
  /** Line and column. */
  readonly #position: number;

  constructor(btf: Btf, insn: number, file: number, text: number, position: number) {
    this.#btf = btf;
    this.insn = insn;
    this.#file = file;
    this.#text = text;
    this.#position = position;
  }
  get file(): string {
    return lookUp(() => this.#btf.string(this.#file)) ?? '';
  }
  get text(): string {
    return lookUp(() => this.#btf.string(this.#text)) ?? '';
  }
  get line(): number {
    return this.#position >>> 10;
  }
  get column(): number {
    return this.#position & 0x3ff;
  }
}

function setLines(ctx: Context, lines: readonly SourceLine[]): void {
  ctx.lines = lines;
  lines.forEach(({ insn }, i) => ctx.aux.line.fill(i + 1, insn, lines[i + 1]?.insn ?? ctx.insns.length));
}
