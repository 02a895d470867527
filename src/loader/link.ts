/**
 * Linking a program: its function, then every function it calls or takes the address of, each once, in the order in which
 * a depth-first walk first meets them (libbpf's order, so that instruction numbers in logs agree). Call offsets and
 * function addresses are set; maps stay named.
 */
import type { CoreRelocation, FuncInfo, LineInfo } from '../btf/index.ts';
import type { Instruction } from '../isa/index.ts';
import { CALL_PSEUDO, PSEUDO } from '../uapi/index.ts';
import type { CodeFunction, Target } from './code.ts';
import type { ObjectFile } from './object.ts';
import type { LinkedFunction, MapReference } from './spec.ts';

export interface Linked {
  readonly insns: Instruction[];
  readonly references: MapReference[];
  readonly functions: LinkedFunction[];
  readonly funcInfo: FuncInfo[];
  readonly lineInfo: LineInfo[];
  readonly coreRelos: CoreRelocation[];
  readonly unsupported: string[];
}

/** Most instructions and their records of all programs of an object together, each counted with what it calls. */
const MAX_LINKED = 1 << 23;

/** Links one program after another of one object. */
export class Linker {
  readonly #object: ObjectFile;
  #budget = MAX_LINKED;

  constructor(object: ObjectFile) {
    this.#object = object;
  }

  /** @throws FormatError when the programs together grow beyond eight million instructions. */
  link(main: CodeFunction): Linked {
    const places = place(main);
    const insns: Instruction[] = [];
    const references: MapReference[] = [];
    for (const [f, start] of places) {
      if ((this.#budget -= f.insns.length + f.lineInfo.length + f.coreRelos.length) < 0)
        this.#object.fail(`programs link to more than ${MAX_LINKED} instructions and records`, main.section.name);
      for (const insn of f.insns) insns.push(insn);
      for (const [slot, target] of f.targets) patch(insns, references, start + slot, target, places);
    }
    references.sort((a, b) => a.insn - b.insn);
    const functions = [...places].map(([f, start]) => ({ name: f.name, start, count: f.insns.length }));
    const unsupported = [...new Set([...places.keys()].flatMap(unsupportedIn))];
    const coreRelos = [...places].flatMap(([f, start]) => f.coreRelos.map((r) => ({ ...r, insn: r.insn + start })));
    return { insns, references, functions, coreRelos, unsupported, ...this.#debugInfo(places) };
  }

  /** Records of each function, moved to its place. Unless every function has its own, the kernel takes none. */
  #debugInfo(places: ReadonlyMap<CodeFunction, number>): { funcInfo: FuncInfo[]; lineInfo: LineInfo[] } {
    const moved = <T extends { readonly offset: number }>(records: readonly T[], start: number): T[] =>
      records.map((record) => ({ ...record, offset: record.offset + start }));
    const parts = [...places];
    if (parts.some(([f]) => f.funcInfo.length !== 1 || f.funcInfo[0].offset !== 0))
      return { funcInfo: [], lineInfo: [] };
    return {
      funcInfo: parts.flatMap(([f, start]) => moved(f.funcInfo, start)),
      lineInfo: parts.flatMap(([f, start]) => moved(f.lineInfo, start)),
    };
  }
}

/** First slot of every function of the program. */
function place(main: CodeFunction): Map<CodeFunction, number> {
  const places = new Map([[main, 0]]);
  let end = main.insns.length;
  const open = [callees(main)];
  while (open.length > 0) {
    const { value: callee, done } = open[open.length - 1].next();
    if (done) open.pop();
    else if (!places.has(callee)) {
      places.set(callee, end);
      end += callee.insns.length;
      open.push(callees(callee));
    }
  }
  return places;
}

function* callees(f: CodeFunction): Generator<CodeFunction, undefined> {
  for (const slot of [...f.targets.keys()].sort((a, b) => a - b)) {
    const target = f.targets.get(slot);
    if (target?.kind === 'call' || target?.kind === 'address') yield target.to;
  }
}

/** Set what is known now at slot `at`. */
function patch(
  insns: Instruction[],
  references: MapReference[],
  at: number,
  target: Target,
  places: ReadonlyMap<CodeFunction, number>,
): void {
  const insn = insns[at];
  switch (target.kind) {
    case 'map':
      insns[at] = { ...insn, src: PSEUDO.MAP_FD, imm: 0 };
      references.push({ insn: at, map: target.map, valueOffset: undefined });
      break;
    case 'value':
      insns[at] = { ...insn, src: PSEUDO.MAP_VALUE, imm: 0 };
      insns[at + 1] = { ...insns[at + 1], imm: target.offset };
      references.push({ insn: at, map: target.map, valueOffset: target.offset });
      break;
    case 'call':
    case 'address': {
      const src = target.kind === 'call' ? CALL_PSEUDO.CALL : PSEUDO.FUNC;
      insns[at] = { ...insn, src, imm: (places.get(target.to) ?? 0) - at - 1 };
      if (target.kind === 'address') insns[at + 1] = { ...insns[at + 1], imm: 0 };
    }
  }
}

/** What keeps a function from being loaded. */
function unsupportedIn(f: CodeFunction): string[] {
  return [...f.targets.values()].flatMap((target) => (target.kind === 'extern' ? [target.what] : []));
}
