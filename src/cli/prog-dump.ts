/** `skep prog dump OBJ`: what becomes of a program: its instructions once loaded, its control flow, its WebAssembly. */
import { formatInsn } from '../asm/index.ts';
import { BpfError } from '../errors/index.ts';
import { LD_IMM64, SLOT, decode } from '../isa/index.ts';
import type { Instruction } from '../isa/index.ts';
import { createKernel } from '../kernel/index.ts';
import type { ProgramInspection } from '../kernel/index.ts';
import { loadCollectionSpec } from '../loader/index.ts';
import type { BpfSys } from '../sys/index.ts';
import { BPF_CMD, BPF_PROG_INFO, PSEUDO } from '../uapi/index.ts';
import { printModule } from '../wasm/index.ts';
import { UsageError } from './command.ts';
import type { Io } from './command.ts';
import { inputName, readInput } from './input.ts';
import { chooseProgram, openBackend } from './run.ts';

export const STAGES = ['xlated', 'cfg', 'wat', 'wasm'] as const;
export type Stage = (typeof STAGES)[number];

export interface ProgDumpOptions {
  readonly object: string;
  readonly program: string | undefined;
  readonly stage: string;
  readonly backend: 'userspace' | 'linux';
  readonly hardened: boolean;
}

/** @returns the exit code. @throws BpfError, VerifierError, FormatError, UsageError */
export async function dumpProgram(options: ProgDumpOptions, io: Io): Promise<number> {
  const stage = STAGES.find((name) => name === options.stage);
  if (stage === undefined) throw new UsageError(`--stage is one of ${STAGES.join(', ')}, not ${options.stage}`);
  const linux = options.backend === 'linux';
  if (linux && stage !== 'xlated') throw new UsageError(`--backend linux shows stage xlated only`);
  const spec = loadCollectionSpec(await readInput(options.object, io), { file: inputName(options.object) });
  for (const warning of spec.warnings) io.err(`skep: warning: ${warning}\n`);
  const name = chooseProgram(spec, options.program);
  const kernel = linux ? undefined : createKernel({ engine: 'jit', hardened: options.hardened });
  const sys = kernel ?? (await openBackend('linux'));
  using collection = spec.load(sys, { programs: [name] });
  const { fd } = collection.programs[name];
  const insns = xlated(sys, fd);
  if (stage === 'xlated' || kernel === undefined) {
    io.out(insns.map((_, at) => instruction(insns, at)).join(''));
    return 0;
  }
  const inspection = kernel.inspect(fd);
  if (typeof inspection === 'number') throw new BpfError(inspection, 'inspect');
  if (stage === 'cfg') {
    io.out(dot(inspection, insns, name));
    return 0;
  }
  const { module, notCompiled } = inspection;
  if (module === undefined) {
    io.err(`skep: ${name} is not compiled: ${notCompiled}\n`);
    return 1;
  }
  io.out(stage === 'wat' ? printModule(module) : hexLines(module));
  return 0;
}

/** The instructions of a loaded program, as BPF_OBJ_GET_INFO_BY_FD shows them. */
function xlated(sys: BpfSys, bpfFd: number): Instruction[] {
  const info = new Uint8Array(BPF_PROG_INFO.size);
  const ask = (buffers: Record<string, Uint8Array>): void => {
    const result = sys.bpf(BPF_CMD.OBJ_GET_INFO_BY_FD, { bpfFd, info, buffers });
    if (result < 0) throw new BpfError(result, 'BPF_OBJ_GET_INFO_BY_FD');
  };
  ask({});
  const [at] = BPF_PROG_INFO.fields.xlated_prog_len;
  const bytes = new Uint8Array(new DataView(info.buffer).getUint32(at, true));
  info.fill(0);
  ask({ xlatedProgInsns: bytes });
  return decode(bytes.subarray(0, bytes.length - (bytes.length % SLOT)));
}

const MAP_SOURCES: Readonly<Record<number, string>> = {
  [PSEUDO.MAP_FD]: 'map[id:%]',
  [PSEUDO.MAP_VALUE]: 'map[id:%][0]+',
};

/** One line; nothing for the second half of an `ld_imm64`. */
function instruction(insns: readonly Instruction[], at: number): string {
  if (at > 0 && insns[at - 1].opcode === LD_IMM64) return '';
  const ldImm64 = (insn: Instruction, high: number): string | undefined => {
    const form = MAP_SOURCES[insn.src];
    if (form === undefined) return undefined;
    return form.replace('%', String(insn.imm)) + (form.endsWith('+') ? high : '');
  };
  return `${String(at).padStart(4)}: ${formatInsn(insns, at, { raw: true, ldImm64 })}\n`;
}

/** Graphviz: a cluster for each function, a node for each block. */
function dot({ functions }: ProgramInspection, insns: readonly Instruction[], name: string): string {
  let out = `digraph "${name}" {\n  node [shape=box fontname=monospace]\n`;
  for (const [entry, { blocks, isLoop, reducible }] of functions) {
    out += `  subgraph cluster_${entry} {\n    label="${entry === 0 ? name : `function at ${entry}`}${reducible ? '' : ', irreducible'}"\n`;
    blocks.forEach(({ start, last, end }, i) => {
      const behind = end === 'fall' ? last : last + 1;
      const text = Array.from({ length: behind - start }, (_, k) => instruction(insns, start + k)).join('');
      const label = text.replaceAll('"', '\\"').replaceAll('\n', '\\l');
      out += `    b${entry}_${i} [label="${label}"${isLoop[i] ? ' style=bold' : ''}]\n`;
    });
    blocks.forEach(({ end, successors }, i) => {
      successors.forEach((to, way) => {
        const label = end === 'if' ? ` [label="${way === 0 ? 'else' : 'then'}"]` : '';
        out += `    b${entry}_${i} -> b${entry}_${to}${label}\n`;
      });
    });
    out += '  }\n';
  }
  return `${out}}\n`;
}

/** 16 bytes a line, as `xxd -r -p` takes them. */
function hexLines(bytes: Uint8Array): string {
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0'));
  const lines = Array.from({ length: Math.ceil(digits.length / 16) }, (_, i) => digits.slice(16 * i, 16 * i + 16));
  return lines.map((line) => `${line.join('')}\n`).join('');
}
