/**
 * Functions of an object and what their instructions refer to. A relocation is turned into a target here: a map, a byte
 * of a data section, another function. What has no target yet (externs, CO-RE) is kept by name, so that only programs
 * which use it are refused.
 */
import type { CoreRelocation } from '../btf/index.ts';
import { KIND } from '../btf/index.ts';
import type { FuncInfo, LineInfo } from '../btf/index.ts';
import { SHN, STB, STT } from '../elf/index.ts';
import type { ElfRelocation, ElfSection } from '../elf/index.ts';
import { CALL, decode, LD_IMM64, SLOT } from '../isa/index.ts';
import type { Instruction } from '../isa/index.ts';
import { CALL_PSEUDO, PSEUDO } from '../uapi/index.ts';
import { KCONFIG } from './kconfig.ts';
import type { MapSection } from './maps.ts';
import type { ObjectFile } from './object.ts';

/** What an instruction refers to. */
export type Target =
  | { readonly kind: 'map'; readonly map: string }
  | { readonly kind: 'value'; readonly map: string; readonly offset: number }
  | { readonly kind: 'call'; readonly to: CodeFunction }
  | { readonly kind: 'address'; readonly to: CodeFunction }
  | { readonly kind: 'extern'; readonly what: string };

/** A function as the compiler left it. */
export interface CodeFunction {
  readonly name: string;
  readonly section: ElfSection;
  /** Slot in its section. */
  readonly start: number;
  readonly insns: readonly Instruction[];
  /** Callable from outside: a program where its section says so. */
  readonly global: boolean;
  /** By slot in the function. */
  readonly targets: Map<number, Target>;
  /** Records of it, with offsets in slots from its start. */
  readonly funcInfo: FuncInfo[];
  readonly lineInfo: LineInfo[];
  readonly coreRelos: CoreRelocation[];
}

/** Most instructions of an object: what bounds the memory a file can make the loader take. */
const MAX_CODE = 1 << 22;

/** All functions, in order of section and place. @throws FormatError */
export function readFunctions(object: ObjectFile, maps: ReadonlyMap<number, MapSection>): CodeFunction[] {
  const bySection = new Map<number, CodeFunction[]>();
  let budget = MAX_CODE;
  const names = new Set<string>();
  for (const section of object.codeSections()) {
    // Records of .BTF.ext tell sections apart by name only.
    if (names.has(section.name)) object.fail('a second section of this name holds instructions', section.name);
    names.add(section.name);
    if ((budget -= section.size / SLOT) < 0) object.fail(`more than ${MAX_CODE} instructions in all`, section.name);
    bySection.set(section.index, cutFunctions(object, section));
  }
  const resolver = new Resolver(object, maps, bySection);
  for (const [index, functions] of bySection) resolver.resolve(object.elf.sections[index], functions);
  return [...bySection.values()].flat();
}

function cutFunctions(object: ObjectFile, section: ElfSection): CodeFunction[] {
  if (section.size % SLOT) object.fail(`${section.size} bytes are not whole instructions`, section.name);
  const symbols = object.elf.symbolsIn(section).filter((s) => s.type === STT.FUNC);
  if (symbols.length === 0) object.fail('instructions that belong to no function', section.name, 0);
  symbols.sort((a, b) => a.value - b.value);
  const code = object.elf.data(section);
  let end = 0;
  return symbols.map(({ name, value, size, bind }) => {
    if (value % SLOT || size % SLOT || size === 0)
      object.fail(`function ${name} is not whole instructions`, section.name, value);
    if (value + size > code.length) object.fail(`function ${name} ends outside the section`, section.name, value);
    if (value < end) object.fail(`function ${name} overlaps the one before`, section.name, value);
    end = value + size;
    const insns = decode(code.subarray(value, end));
    const common = { name, section, start: value / SLOT, insns, global: bind !== STB.LOCAL };
    return { ...common, targets: new Map<number, Target>(), funcInfo: [], lineInfo: [], coreRelos: [] };
  });
}

class Resolver {
  readonly #object: ObjectFile;
  readonly #maps: ReadonlyMap<number, MapSection>;
  readonly #functions: ReadonlyMap<number, readonly CodeFunction[]>;
  #externs: Map<string, string> | undefined;

  constructor(
    object: ObjectFile,
    maps: ReadonlyMap<number, MapSection>,
    functions: ReadonlyMap<number, readonly CodeFunction[]>,
  ) {
    this.#object = object;
    this.#maps = maps;
    this.#functions = functions;
  }

  resolve(section: ElfSection, functions: readonly CodeFunction[]): void {
    for (const relocation of this.#object.elf.relocations(section)) this.#relocate(section, relocation);
    for (const f of functions) this.#localCalls(f);
    this.#records(section);
  }

  /** Give the records of `.BTF.ext` to the functions they are about; there may be some about none. */
  #records(section: ElfSection): void {
    const { btf, ext } = this.#object;
    if (btf === undefined || ext === undefined) return;
    const own = <T extends { readonly offset: number }>(
      record: T,
      give: (f: CodeFunction, record: T) => void,
    ): void => {
      const f = this.#at(section, record.offset / SLOT);
      if (f !== undefined) give(f, { ...record, offset: record.offset / SLOT - f.start });
    };
    for (const r of ext.funcInfo.get(section.name) ?? []) own(r, (f, record) => f.funcInfo.push(record));
    for (const r of ext.lineInfo.get(section.name) ?? []) own(r, (f, record) => f.lineInfo.push(record));
    for (const r of ext.coreRelos.get(section.name) ?? [])
      own(r, (f, { offset, type, access, kind }) =>
        f.coreRelos.push({ insn: offset, type, access: btf.string(access), kind }),
      );
  }

  /** The function that holds a slot of a section. */
  #at(section: ElfSection, slot: number): CodeFunction | undefined {
    const all = this.#functions.get(section.index) ?? [];
    let low = 0;
    let high = all.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (all[middle].start + all[middle].insns.length <= slot) low = middle + 1;
      else high = middle;
    }
    return all[low]?.start <= slot ? all[low] : undefined;
  }

  #starting(section: ElfSection, slot: number): CodeFunction | undefined {
    const f = this.#at(section, slot);
    return f?.start === slot ? f : undefined;
  }

  #relocate(section: ElfSection, { offset, symbol }: ElfRelocation): void {
    const fail = (problem: string): never => this.#object.fail(problem, section.name, offset);
    const f = this.#at(section, offset / SLOT);
    if (offset % SLOT || f === undefined) return fail('relocation of something that is no instruction');
    const slot = offset / SLOT - f.start;
    const insn = f.insns[slot];
    const isCall = insn.opcode === CALL;
    if (!isCall && (insn.opcode !== LD_IMM64 || slot + 1 >= f.insns.length))
      return fail(`relocation of opcode 0x${insn.opcode.toString(16)}, which is neither a call nor ld_imm64`);
    if (symbol.section === SHN.UNDEF) {
      const setting = isCall ? undefined : this.#object.config?.variables.find(({ name }) => name === symbol.name);
      if (setting) {
        f.targets.set(slot, { kind: 'value', map: KCONFIG, offset: setting.offset + insn.imm });
        return;
      }
      f.targets.set(slot, { kind: 'extern', what: this.#externText(symbol.name, isCall) });
      return;
    }
    const to = this.#object.elf.sections[symbol.section];
    if (to === undefined)
      return fail(`${symbol.name || 'a symbol'} is in no section (common symbols: compile with -fno-common)`);
    const target = isCall
      ? this.#callTarget(to, symbol.value / SLOT + insn.imm + 1)
      : this.#loadTarget(to, symbol.value + insn.imm);
    if (typeof target === 'string') return fail(`${symbol.name || to.name}: ${target}`);
    f.targets.set(slot, target);
  }

  #externText(name: string, isCall: boolean): string {
    this.#externs ??= externSections(this.#object);
    const section = this.#externs.get(name);
    return `${isCall ? 'call of extern function' : 'extern variable'} ${name}${section === undefined ? '' : ` (${section})`}`;
  }

  #callTarget(to: ElfSection, slot: number): Target | string {
    const callee = this.#starting(to, slot);
    return callee === undefined
      ? `no function begins at instruction ${slot} of ${to.name}`
      : { kind: 'call', to: callee };
  }

  #loadTarget(to: ElfSection, offset: number): Target | string {
    const maps = this.#maps.get(to.index);
    if (maps?.kind === 'maps') {
      const map = maps.keys.get(offset);
      return map === undefined ? `no map begins at byte ${offset} of ${to.name}` : { kind: 'map', map };
    }
    const data = maps?.keys.get(0);
    if (data !== undefined) {
      if (offset < 0 || offset >= to.size) return `byte ${offset} lies outside ${to.name}`;
      return { kind: 'value', map: data, offset };
    }
    if (!this.#functions.has(to.index)) return `section ${to.name} holds neither maps, data nor functions`;
    const callee = this.#starting(to, offset / SLOT);
    return callee === undefined
      ? `no function begins at byte ${offset} of ${to.name}`
      : { kind: 'address', to: callee };
  }

  /** Calls within a section need no relocation: the offset is already right. */
  #localCalls(f: CodeFunction): void {
    f.insns.forEach((insn, slot) => {
      if (f.targets.has(slot)) return;
      const isCall = insn.opcode === CALL && insn.src === CALL_PSEUDO.CALL;
      const isAddress = insn.opcode === LD_IMM64 && insn.src === PSEUDO.FUNC;
      if (!isCall && !isAddress) return;
      const to = f.start + slot + insn.imm + 1;
      // Hand-written code may call a label of its own function: only programs that do so are refused.
      if (this.#at(f.section, to) === f && to !== f.start) {
        f.targets.set(slot, { kind: 'extern', what: `call of a label in ${f.name}` });
        return;
      }
      const target = this.#callTarget(f.section, to);
      if (typeof target === 'string') this.#object.fail(target, f.section.name, (f.start + slot) * SLOT);
      f.targets.set(slot, isCall ? target : { kind: 'address', to: (target as { to: CodeFunction }).to });
    });
  }
}

/** Names that BTF places in `.ksyms` or `.kconfig`: the kernel's own, with the section. */
function externSections({ btf }: ObjectFile): Map<string, string> {
  const out = new Map<string, string>();
  for (const type of btf ?? [])
    if (type.kind === KIND.DATASEC) for (const v of type.vars) out.set(btf?.type(v.type).name ?? '', type.name);
  return out;
}
