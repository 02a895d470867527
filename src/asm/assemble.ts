/**
 * Assembler of the kernel's own text: whatever the disassembler prints is assembled back, with or without the `N: `
 * and `(xx) ` prefixes. A line is matched against the syntaxes of the opcode table; memory accesses and jumps as LLVM
 * prints them (`w1 = *(u32 *)(r1 + 0x4)`, `goto +0x2`) are accepted as well. Beyond instructions:
 *
 *     name:                          a label; jumps and calls name it: `goto name`, `if r1 > 3 goto name`, `call name`
 *     r1 = map[counts]               the map's descriptor, reported in `mapRefs`
 *     r1 = map[counts][0]+8          address of byte 8 of its first value
 *     r1 = 0x1234 ll                 a 64-bit immediate; in hexadecimal `ll` may be missing, as the log has it
 *     r1 = subprog[name]             address of a function
 *     call bpf_ktime_get_ns          a helper; also `call ktime_get_ns`, `call 5`, `call bpf_ktime_get_ns#5`
 *     ; comment   // comment   # comment
 *
 * A plain number as in `r1 = 7` is the sign-extended 32-bit move when decimal and `ld_imm64` when hexadecimal: so the
 * kernel prints them.
 */
import { ALU, CALL, CLASS, formOf, LD_IMM64, type Instruction } from '../isa/index.ts';
import { HELPER_NAMES } from '../uapi/index.ts';
import {
  draft,
  fail,
  NAME,
  NAME_PATTERN,
  parseNumber,
  Program,
  toOffset,
  toSigned,
  type Draft,
  type Place,
} from './source.ts';
import { fill, findPatterns, registerNumber } from './syntax.ts';

export interface MapRef {
  /** First slot of the `ld_imm64`. */
  readonly insn: number;
  readonly name: string;
  /** Bytes into the map's first value; undefined where the map itself is loaded. */
  readonly offset?: number;
}

export interface Assembled {
  readonly insns: Instruction[];
  readonly mapRefs: MapRef[];
  /** Slots by label. */
  readonly labels: ReadonlyMap<string, number>;
}

const MAP_LOAD = new RegExp(`^r(\\d+)\\s*=\\s*map\\s*\\[\\s*(${NAME_PATTERN})\\s*\\](.*)$`);
const LABELS = new RegExp(`^[ \\t]*(?:\\d+:[ \\t]*)?(${NAME_PATTERN}):`, 'gm');
const MOV = CLASS.ALU64 | ALU.MOV;

/** One line without comment and prefixes. */
interface Line {
  text: string;
  /** The opcode of an `(xx)` prefix. */
  opcode: number | undefined;
  /** A jump's label, replaced by `pc+0` in the text. */
  target: string | undefined;
  readonly place: Place;
}

class KernelText {
  readonly #program = new Program();
  readonly #mapRefs: MapRef[] = [];
  /** Slot number of the first `N: ` prefix. */
  #base: number | undefined;
  /** All labels of the text: they go before helpers of the same name. */
  readonly #names: ReadonlySet<string>;

  constructor(names: ReadonlySet<string>) {
    this.#names = names;
  }

  line(source: string, place: Place): void {
    let text = source.replace(/(^|\s)#(?!\d).*$|;.*$|\/\/.*$/, '').trim();
    const slot = /^(\d+):\s*/.exec(text);
    if (slot) {
      this.#checkSlot(Number(slot[1]), place);
      text = text.slice(slot[0].length);
    }
    text = this.#program.takeLabels(text, place);
    const prefix = /^\(([0-9a-f]{2})\)\s*/.exec(text);
    if (prefix) text = text.slice(prefix[0].length);
    if (text)
      this.#instruction({ text, opcode: prefix ? parseInt(prefix[1], 16) : undefined, target: undefined, place });
    else if (prefix) fail(`nothing after ${prefix[0].trim()}`, place);
  }

  finish(): Assembled {
    const insns = this.#program.finish();
    return { insns, mapRefs: this.#mapRefs, labels: this.#program.labels };
  }

  /** Numbered lines must be a whole listing: a log leaves out what was not walked and repeats what was walked twice. */
  #checkSlot(slot: number, place: Place): void {
    this.#base ??= slot - this.#program.here;
    const expected = this.#base + this.#program.here;
    if (slot !== expected) fail(`instruction ${slot} where ${expected} is expected: not a whole listing`, place);
  }

  #instruction(line: Line): void {
    const at = this.#program.here;
    const insns = this.#special(line) ?? this.#match(line);
    if (line.opcode !== undefined && insns[0].opcode !== line.opcode) {
      fail(`opcode ${line.opcode.toString(16)} is not that of "${line.text}"`, line.place);
    }
    this.#program.insns.push(...insns);
    if (line.target !== undefined) {
      const far = formOf(insns[0])?.syntax.includes('pcIMM');
      this.#program.pointAt(at, far ? 'imm' : 'off', line.target, line.place);
    }
  }

  /** Instructions with names in them. */
  #special(line: Line): Draft[] | undefined {
    const { text } = line;
    const call = /^call\s+(\S.*)$/.exec(text);
    if (call) return [this.#call(call[1], line)];
    const map = MAP_LOAD.exec(text);
    if (map) return this.#loadMap(map[1], map[2], map[3].replace(/\s+/g, ''), line);
    const jump = /^(.*\b(?:goto|gotol|may_goto)\s+)(.+)$/.exec(text) ?? /^(.*=\s*subprog\s*\[)([^\]]+)\]$/.exec(text);
    if (jump) this.#jump(jump[1], jump[2].trim(), line);
    return undefined;
  }

  /** Bring a jump's target into the form `pc+1`. */
  #jump(head: string, target: string, line: Line): void {
    const tail = head.endsWith('[') ? ']' : '';
    const distance = /^(?:pc\s*)?([+-]\s*(?:0x[0-9a-f]+|\d+))(?:\s*<.*>)?$/i.exec(target);
    if (distance) line.text = `${head}pc${distance[1]}${tail}`;
    else if (NAME.test(target)) {
      line.target = target;
      line.text = `${head}pc+0${tail}`;
    } else fail(`"${target}" is neither a label nor a distance such as pc+2`, line.place);
  }

  #loadMap(register: string, name: string, index: string, { place }: Line): Draft[] {
    const insn = { ...draft(LD_IMM64), dst: registerNumber(`r${register}`, place), src: 1 };
    const high = draft(0);
    const value =
      /^(?:\[0\])?(?:([+-].+))?$/.exec(index) ?? fail(`"${index}" after map[${name}] is not [0]+offset`, place);
    if (!index) {
      this.#mapRefs.push({ insn: this.#program.here, name });
    } else {
      insn.src = 2;
      const offset = value[1] ? (parseNumber(value[1]) ?? fail(`${value[1]} is not a number`, place)) : 0n;
      high.imm = toSigned(offset, 32, 'offset', place);
      this.#mapRefs.push({ insn: this.#program.here, name, offset: high.imm });
    }
    return [insn, high];
  }

  #call(callee: string, line: Line): Draft {
    const { place } = line;
    const insn = draft(CALL);
    const number = parseNumber(callee);
    const distance = /^pc([+-].+)$/.exec(callee);
    const tagged = /^([A-Za-z_][\w.]*)?#(-?\d{1,10})(?:@(\d{1,5}))?$/.exec(callee);
    if (number !== undefined) insn.imm = toSigned(number, 32, 'helper', place);
    else if (distance) {
      insn.src = 1;
      insn.imm = toOffset(parseNumber(distance[1]) ?? fail(`${callee} is no distance`, place), 32, 'distance', place);
    } else if (tagged) {
      const [, name, id, btf] = tagged;
      insn.imm = toSigned(BigInt(id), 32, 'function', place);
      if (name !== 'unknown' && name !== `bpf_${HELPER_NAMES[insn.imm]}`) insn.src = 2;
      if (btf) insn.off = toSigned(BigInt(btf), 16, 'BTF index', place);
    } else if (NAME.test(callee)) {
      this.#callName(callee, insn, line);
    } else fail(`"${callee}" is nothing to call`, place);
    return insn;
  }

  /** A label, or else the helper of that name. */
  #callName(name: string, insn: Draft, line: Line): void {
    const id = HELPER_NAMES.indexOf(name.replace(/^bpf_/, ''));
    if (id >= 0 && !this.#names.has(name)) {
      insn.imm = id;
      return;
    }
    if (!this.#names.has(name)) fail(`there is neither a label nor a helper ${name}`, line.place);
    insn.src = 1;
    line.target = name;
  }

  /** An instruction of the opcode table. */
  #match(line: Line): Draft[] {
    const { text, place } = line;
    const wide = /\s+ll$/.test(text);
    const body = (wide ? text.replace(/\s+ll$/, '') : text).replace(/\*\s*\)\s*\(\s*([rw]\d+)\s*\)/, '*)($1+0)');
    const candidates = findPatterns(body);
    if (!candidates) return fail(`"${text}" is not an instruction`, place);
    let pattern = candidates[0];
    if (candidates.length > 1) {
      const hex = /0x/i.test(body) && !/=\s*-/.test(body);
      const opcode = line.opcode ?? (wide || hex ? LD_IMM64 : MOV);
      pattern = candidates.find(({ form }) => form.opcode === opcode) ?? pattern;
    }
    if (wide && pattern.form.opcode !== LD_IMM64) fail(`"${text}": ll is for r1 = number ll`, place);
    return fill(pattern, body, place);
  }
}

/**
 * Assemble the text of a program. Reserved fields come out 0; whether the program is safe is the verifier's question.
 * @throws FormatError with file and line
 */
export function assemble(text: string, { file }: { file?: string } = {}): Assembled {
  const names = new Set(Array.from(text.matchAll(LABELS), (match) => match[1]));
  const parser = new KernelText(names);
  text.split(/\r?\n/).forEach((line, i) => parser.line(line, { file, line: i + 1 }));
  return parser.finish();
}
