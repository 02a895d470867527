/**
 * `.bpft`: small programs with what Linux says of them, in a text that is written by hand but for the answers.
 *
 *     # A comment.
 *     .type xdp                                  directives before the first program hold for all of the file
 *     .map counts hash key=4 value=8 max=4
 *
 *     == map value without a null check          starts a program; its directives and instructions follow
 *     .run data=0011 ctx=00 repeat=1             a run of the accepted program; without data= 64 zero bytes
 *     r1 = map[counts]                           instructions as the verifier's log prints them, with labels
 *     .slot b701000000000000                     one slot in hexadecimal, for what no assembler writes
 *     ...
 *     exit
 *     => reject EACCES                           what Linux answers, written by SKEP_BLESS=1
 *     message invalid mem access 'map_value_or_null'
 *     processed 7 insns, 1 states, 1 peak, 0 per insn
 *
 * Directives: `.type NAME`, `.attach N`, `.target NAME` (a function, typedef or struct of the kernel's BTF, or an id),
 * `.license TEXT`, `.flags strict_alignment|…`, `.caps NAME…` (or `none`),
 * `.map NAME TYPE key= value= max= flags= extra= name= fields= freeze` (the
 * value's fields: see value-btf.ts), `.init MAP KEY VALUE` (hexadecimal), `.tail MAP INDEX N` (a
 * program that returns N in a program array's slot), `.func LABEL static|global PARAM…` (BTF of a function, see
 * function-btf.ts; the main program and all functions get some), `.run`, `.log 1|2|4…` (the whole log at that level is part of the
 * answer; 0: none), `.todo REASON` (user space is known to differ; fails once it agrees).
 * Answers: `=> accept` or `=> reject ERRNO`; `message` (the last is the telling one), `processed`, `stack depth`,
 * `run retval=N …`, and `|` before each line of the log.
 */
import { FormatError, errnoName } from '../src/errors/index.ts';
import { decode, encode } from '../src/isa/index.ts';
import { assemble } from '../src/asm/index.ts';
import { parseProgramObject } from '../src/loader/index.ts';
import type { ExchangeAnswer, ExchangeRunner, ProgramObject } from '../src/loader/index.ts';
import { MAP_FLAG, PROG_FLAG } from '../src/uapi/index.ts';
import { FunctionBtf, funcRecords } from './function-btf.ts';
import { valueBtf } from './value-btf.ts';

export interface BpftProgram {
  readonly name: string;
  readonly object: ProgramObject;
  /** Level of the log that is part of the answer. */
  readonly logLevel: number | undefined;
  /** Why user space is known to differ. */
  readonly todo: string | undefined;
  /** The recorded answer, one line an item, without indentation; empty where there is none yet. */
  readonly expected: readonly string[];
  /** The first line of the recorded answer, or the line where it belongs (from 0). */
  readonly answerLine: number;
  /** How many lines the recorded answer has in the file. */
  readonly answerLines: number;
}

/** Lines of a log that a file may hold. */
const LOG_LIMIT = 2000;

interface Draft {
  name: string;
  json: Record<string, unknown>;
  maps: string[];
  asm: string[];
  /** Slots given as bytes, by the label that stands for them. */
  slots: Map<string, string>;
  funcs: { label: string; linkage: string; params: readonly string[] }[];
  logLevel?: number;
  todo?: string;
}

/** @throws FormatError with file and line. */
export function parseBpft(text: string, file: string): BpftProgram[] {
  const lines = text.split('\n');
  const starts = lines.flatMap((line, i) => (line.startsWith('== ') ? [i] : []));
  const common = lines.slice(0, starts[0] ?? lines.length);
  return starts.map((start, i) => readProgram(lines, start, starts[i + 1] ?? lines.length, common, file));
}

function readProgram(lines: string[], start: number, end: number, common: string[], file: string): BpftProgram {
  const draft: Draft = { name: lines[start].slice(3).trim(), json: {}, maps: [], asm: [], slots: new Map(), funcs: [] };
  common.forEach((line, i) => directive(draft, line, { file, line: i + 1 }, true));
  const arrow = lines.findIndex((line, i) => i > start && i < end && line.startsWith('=>'));
  const codeEnd = arrow < 0 ? trimmedEnd(lines, end) : arrow;
  // Lines before the program are left empty, so that the assembler's messages have the file's line numbers.
  draft.asm = Array.from({ length: start + 1 }, () => '');
  for (let i = start + 1; i < codeEnd; i++) {
    const slot = rawSlot(lines[i]);
    if (slot) draft.slots.set(`.slot${i}`, slot);
    const isDirective = !slot && directive(draft, lines[i], { file, line: i + 1 }, false);
    draft.asm.push(slot ? `.slot${i}: exit` : isDirective ? '' : lines[i]);
  }
  const answerEnd = arrow < 0 ? codeEnd : trimmedEnd(lines, end);
  return {
    name: draft.name,
    object: toObject(draft, file, start + 1),
    logLevel: draft.logLevel,
    todo: draft.todo,
    expected: arrow < 0 ? [] : lines.slice(arrow, answerEnd).map((line) => line.replace(/^ +/, '').trimEnd()),
    answerLine: codeEnd,
    answerLines: answerEnd - codeEnd,
  };
}

/** The end of a block without the empty lines and comments before the next one. */
function trimmedEnd(lines: string[], end: number): number {
  let last = end;
  while (last > 0 && /^\s*(#.*)?$/.test(lines[last - 1])) last--;
  return last;
}

interface Place {
  readonly file: string;
  readonly line: number;
}

/** The digits of a `.slot` line. */
function rawSlot(line: string): string | undefined {
  return /^\s*\.slot\s+([0-9a-f]{16})\s*(?:#.*)?$/.exec(line)?.[1];
}

function toObject(draft: Draft, file: string, line: number): ProgramObject {
  const { insns, mapRefs, labels } = assemble(draft.asm.join('\n'), { file });
  for (const [label, bytes] of draft.slots) insns[labels.get(label)!] = decode(Buffer.from(bytes, 'hex'))[0];
  const map_refs = mapRefs.map(({ insn, name }) => [insn, mapIndex(draft, name, { file, line })]);
  if (draft.funcs.length) describeFunctions(draft, labels, { file, line });
  const hex = Buffer.from(encode(insns)).toString('hex');
  return parseProgramObject({ ...draft.json, name: draft.name, insns: hex, map_refs });
}

/** BTF and function records of the main program and of the functions that `.func` names. */
function describeFunctions(draft: Draft, labels: ReadonlyMap<string, number>, place: Place): void {
  const btf = new FunctionBtf(String(draft.json['prog_type'] ?? 'socket_filter'));
  const records: [number, number][] = [[0, btf.add('main', 'global', ['ctx'])!]];
  for (const { label, linkage, params } of draft.funcs) {
    const slot = labels.get(label);
    const type = btf.add(label, linkage, params);
    if (slot === undefined) throw new FormatError(`no function ${label}`, place);
    if (type === undefined) throw new FormatError(`cannot read parameters ${params.join(' ')}`, place);
    records.push([slot, type]);
  }
  const btfs = (draft.json['btfs'] ??= []) as string[];
  draft.json['prog_btf'] = btfs.push(Buffer.from(btf.bytes()).toString('base64')) - 1;
  draft.json['func_info'] = Buffer.from(funcRecords(records)).toString('hex');
}

function mapIndex(draft: Draft, name: string, place: Place): number {
  const index = draft.maps.indexOf(name);
  if (index < 0) throw new FormatError(`no .map ${name}`, place);
  return index;
}

/** `a=b` words as numbers, bare words as true. */
function options(words: string[], place: Place): Record<string, string | true> {
  const pairs = words.map((word) => {
    const [key, value] = word.split('=');
    if (!key) throw new FormatError(`cannot read ${word}`, place);
    return [key, value ?? true] as const;
  });
  return Object.fromEntries(pairs);
}

/** BTF of a map whose value has these fields; it joins the object's. */
function typed(btfs: unknown[], fields: string, size: number, place: Place): Record<string, number> {
  const built = valueBtf(fields, size);
  if (!built) throw new FormatError(`cannot read fields=${fields}`, place);
  btfs.push(Buffer.from(built.btf).toString('base64'));
  return { btf: btfs.length - 1, btf_key_type_id: built.key, btf_value_type_id: built.value };
}

function flagBits(text: string, names: Readonly<Record<string, number>>, place: Place): number {
  return text.split('|').reduce((bits, word) => {
    const bit = /^\d|^0x/.test(word) ? Number(word) : names[word.toUpperCase()];
    if (!Number.isInteger(bit)) throw new FormatError(`no flag ${word}`, place);
    return (bits | bit) >>> 0;
  }, 0);
}

/** @returns whether the line is a directive (or, before the first program, nothing). */
function directive(draft: Draft, line: string, place: Place, only: boolean): boolean {
  const text = line.replace(/(^|\s)#.*$/, '').trim();
  if (!/^\.[a-z]+(\s|$)/.test(text)) {
    if (only && text) throw new FormatError('only directives come before the first program', place);
    return false;
  }
  const [word, ...words] = text.split(/\s+/);
  const rest = text.slice(word.length).trim();
  const list = (field: string): unknown[] => (draft.json[field] ??= []) as unknown[];
  switch (word) {
    case '.type':
      draft.json['prog_type'] = rest;
      break;
    case '.attach':
      draft.json['expected_attach_type'] = Number(rest);
      break;
    case '.target':
      draft.json['attach_btf_id'] = /^\d+$/.test(rest) ? Number(rest) : 0;
      draft.json['attach_btf'] = draft.json['attach_btf_id'] === Number(rest) ? '' : rest;
      break;
    case '.license':
      draft.json['license'] = rest;
      break;
    case '.flags':
      draft.json['prog_flags'] = flagBits(rest, PROG_FLAG, place);
      break;
    case '.caps':
      draft.json['caps'] = rest === 'none' ? [] : words;
      break;
    case '.map': {
      const [name, type, ...more] = words;
      const {
        key = 0,
        value = 0,
        max = 0,
        flags = '0',
        extra = 0,
        freeze = false,
        inner,
        name: title,
        fields,
      } = options(more, place);
      draft.maps.push(name);
      list('maps').push({
        type,
        key_size: Number(key),
        value_size: Number(value),
        max_entries: Number(max),
        map_flags: flagBits(String(flags), MAP_FLAG, place),
        map_extra: Number(extra),
        freeze,
        ...(inner !== undefined && { inner: mapIndex(draft, String(inner), place) }),
        name: title,
        ...(fields !== undefined && typed(list('btfs'), String(fields), Number(value), place)),
        init: [],
      });
      break;
    }
    case '.init': {
      const map = list('maps')[mapIndex(draft, words[0], place)] as { init: unknown[] };
      map.init.push([words[1], words[2]]);
      break;
    }
    case '.tail':
      list('prog_refs').push([mapIndex(draft, words[0], place), Number(words[1]), Number(words[2])]);
      break;
    case '.func': {
      const [label, linkage, ...params] = words;
      if (!/^(static|global)(:|$)/.test(linkage)) throw new FormatError(`${linkage} is no linkage`, place);
      draft.funcs.push({ label, linkage, params });
      break;
    }
    case '.run': {
      const { data, ctx, repeat = '1' } = options(words, place);
      list('runs').push({ data, ctx, repeat: Number(repeat) });
      break;
    }
    case '.log':
      draft.logLevel = Number(rest) || undefined;
      break;
    case '.todo':
      draft.todo = rest;
      break;
    default:
      throw new FormatError(`no directive ${word}`, place);
  }
  return true;
}

/** The answer as the file has it. `full` asks again for the log at the level that the program names. */
export function answerOf(
  program: BpftProgram,
  runner: ExchangeRunner,
  full: (level: number) => ExchangeRunner,
): string[] {
  const answer = runner.answer(program.object);
  const lines = [headline(answer)];
  for (const text of answer.reason) lines.push(`message ${text}`);
  if (answer.insns !== undefined)
    lines.push(
      `processed ${answer.insns} insns, ${answer.total_states} states, ${answer.peak_states} peak, ${answer.max_states_per_insn} per insn`,
    );
  if (answer.verdict === 'accept' && answer.stack_depth !== undefined) lines.push(`stack depth ${answer.stack_depth}`);
  answer.runs?.forEach((run, i) => {
    const input = program.object.runs[i];
    const data = Buffer.from(input.data).toString('hex');
    const ctx = Buffer.from(input.ctx ?? []).toString('hex');
    let line = run.errno ? `run ${errnoName(run.errno)}` : `run retval=0x${run.retval.toString(16)}`;
    if (run.data_out !== data && !run.errno) line += ` data=${run.data_out}`;
    if (run.ctx_out && run.ctx_out !== ctx) line += ` ctx=${run.ctx_out}`;
    lines.push(line);
  });
  if (program.logLevel !== undefined) {
    const { log = '' } = full(program.logLevel).answer(program.object);
    const logLines = canonical(log).trimEnd().split('\n');
    if (logLines.length > LOG_LIMIT) throw new Error(`${program.name}: a log of ${logLines.length} lines: use .log 0`);
    for (const line of logLines) lines.push(`| ${line}`.trimEnd());
  }
  return lines;
}

function headline(answer: ExchangeAnswer): string {
  return `=> ${answer.verdict}${answer.verdict === 'reject' ? ` ${errnoName(answer.errno ?? 0)}` : ''}`;
}

/** The log without what differs from run to run: kernel addresses, times. */
export function canonical(log: string): string {
  return log
    .replace(/0xffff[0-9a-f]{12}/g, '0xffffPTR')
    .replace(/verification time \d+ usec/g, 'verification time N usec');
}

/** The file's text with the answers of its programs replaced. */
export function withAnswers(text: string, programs: readonly BpftProgram[], answers: readonly string[][]): string {
  const lines = text.split('\n');
  const blocks: string[] = [];
  let at = 0;
  programs.forEach(({ answerLine, answerLines }, i) => {
    blocks.push(...lines.slice(at, answerLine));
    answers[i].forEach((line, n) => blocks.push(n === 0 || line.startsWith('|') ? line : `   ${line}`));
    at = answerLine + answerLines;
  });
  return `${[...blocks, ...lines.slice(at)].join('\n').trimEnd()}\n`;
}
