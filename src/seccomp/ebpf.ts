/**
 * Runs eBPF filters. Linux has no such program type, this contract is our own: the context is `struct seccomp_data`, read
 * and written as the 64 bytes that they are (writes are lost), the return value is that of a classic filter, and the
 * program is verified and runs as one of type `syscall` of the userspace subsystem, with what that type may call. Its maps
 * live on from call to call. A run ends where an unknown word of the context is read: its answer is then unknown.
 */
import { assemble, formatInsn } from '../asm/index.ts';
import { BpfError, ERRNO, FormatError } from '../errors/index.ts';
import { CALL, CLASS, EXIT, JMP, LD_IMM64 } from '../isa/index.ts';
import type { Instruction } from '../isa/index.ts';
import { createKernel } from '../kernel/index.ts';
import type { Kernel, KernelOptions } from '../kernel/index.ts';
import { CollectionSpec, ProgramSpec, loadCollectionSpec } from '../loader/index.ts';
import type { Program } from '../loader/index.ts';
import { PROG_FLAG, PROG_TYPE } from '../uapi/index.ts';
import { SECCOMP_DATA_SIZE } from './data.ts';
import type { SeccompData } from './data.ts';
import type { FilterRun, SeccompProgram } from './program.ts';

type Observed = Parameters<NonNullable<KernelOptions['observe']>>[0];

/** Thrown to end a run that has read an unknown word. */
class UnknownWord extends Error {}

const CALL_OF_REGISTER = CALL | 0x08;

export class EbpfFilter implements SeccompProgram {
  readonly name: string;
  readonly pure: boolean;
  readonly insns: readonly Instruction[];
  readonly #kernel: Kernel;
  readonly #program: Program;
  readonly #bytes = new Uint8Array(SECCOMP_DATA_SIZE);
  readonly #attr = { ctxIn: this.#bytes, retval: 0 };
  #known = 0;
  #reads = 0;
  /** Address of the context; -1 before the first instruction. */
  #context = -1;
  #slot = -1;
  /** Target of the comparison that runs; -1 where it is none. */
  #target = -1;
  #steps: number[] = [];

  /**
   * @param spec whose only program is the filter, whatever its section
   * @throws VerifierError, FormatError, UnsupportedError
   */
  constructor(spec: CollectionSpec, name: string) {
    const programs = Object.values(spec.programs);
    if (programs.length !== 1)
      throw new FormatError(`${programs.length} programs, where one filter is due`, { file: name });
    const [program] = programs;
    program.type = PROG_TYPE.SYSCALL;
    program.flags = PROG_FLAG.SLEEPABLE;
    program.expectedAttachType = 0;
    program.autoload = true;
    this.name = name;
    this.insns = program.insns;
    this.pure = isPure(program.insns);
    this.#kernel = createKernel({ observe: (interpreter) => this.#observe(interpreter) });
    this.#program = Object.values(spec.load(this.#kernel).programs)[0];
  }

  /** The text of an assembler (`skep asm`), without maps. @throws FormatError, VerifierError */
  static fromText(text: string, name: string): EbpfFilter {
    const { insns, mapRefs } = assemble(text, { file: name });
    if (mapRefs.length > 0) throw new FormatError('a filter in text has no maps', { file: name });
    const spec = new CollectionSpec(name, undefined);
    const program = new ProgramSpec('filter', 'seccomp', undefined);
    program.insns = insns;
    program.license = 'GPL';
    spec.programs['filter'] = program;
    return new EbpfFilter(spec, name);
  }

  /** An object of clang. @throws FormatError, VerifierError, UnsupportedError */
  static fromObject(bytes: Uint8Array, name: string): EbpfFilter {
    return new EbpfFilter(loadCollectionSpec(bytes, { file: name }), name);
  }

  text(insn: number): string {
    return formatInsn(this.insns, insn).replace(/^\([0-9a-f]{2}\) /, '');
  }

  /** @throws BpfError EACCES where the program reads beyond the struct */
  run({ words, known }: SeccompData): FilterRun {
    const view = new DataView(this.#bytes.buffer);
    words.forEach((word, n) => view.setUint32(4 * n, word, true));
    this.#known = known;
    this.#reads = 0;
    this.#context = this.#slot = this.#target = -1;
    this.#steps = [];
    try {
      this.#program.test(this.#attr);
    } catch (error) {
      if (error instanceof UnknownWord)
        return { outcomes: [], unknown: this.#reads & ~known, reads: this.#reads, complete: false };
      if (error instanceof BpfError && error.code === 'EINVAL')
        throw new BpfError(-ERRNO.EACCES, 'seccomp', `${this.name} reads beyond struct seccomp_data`);
      throw error;
    }
    const outcome = { returned: this.#attr.retval >>> 0, insn: this.#slot, steps: this.#steps };
    return { outcomes: [outcome], unknown: 0, reads: this.#reads, complete: true };
  }

  [Symbol.dispose](): void {
    this.#kernel[Symbol.dispose]();
  }

  #observe({ registers: r, slot, executable }: Observed): void {
    if (this.#context < 0) this.#context = r[2] >>> 0;
    if (this.#target >= 0) this.#steps.push(2 * this.#slot + (slot === this.#target ? 1 : 0));
    this.#slot = slot;
    this.#target = -1;
    const op = executable.op[slot];
    const kind = op & 7;
    if (kind === CLASS.LDX) this.#read(r[executable.src[slot]] + executable.off[slot], SIZES[(op >> 3) & 3]);
    else if (kind === CLASS.STX && op >= 0xc0) this.#read(r[executable.dst[slot]] + executable.off[slot], 8);
    else if (op === CALL || op === CALL_OF_REGISTER) this.#handedOver(r);
    else if ((kind === CLASS.JMP || kind === CLASS.JMP32) && isComparison(op)) this.#target = executable.off[slot];
  }

  /** A helper may read all that it is handed. */
  #handedOver(r: Int32Array): void {
    for (let register = 1; register <= 5; register++) {
      const offset = ((r[2 * register] >>> 0) - this.#context) | 0;
      if (offset >= 0 && offset < SECCOMP_DATA_SIZE) this.#read(r[2 * register], SECCOMP_DATA_SIZE - offset);
    }
  }

  #read(address: number, size: number): void {
    const from = ((address >>> 0) - this.#context) | 0;
    if (from < 0 || from + size > SECCOMP_DATA_SIZE) return;
    for (let word = from >> 2; word <= (from + size - 1) >> 2; word++) this.#reads |= 1 << word;
    if (this.#reads & ~this.#known) throw new UnknownWord();
  }
}

/** Bytes, by bits 3 and 4 of a load. */
const SIZES = [4, 2, 1, 8];

/** `goto`, calls and `exit` are the jumps that compare nothing; `may_goto` counts. */
const isComparison = (op: number): boolean => {
  const kind = op & 0xf0;
  return kind !== JMP.JA && kind !== (CALL & 0xf0) && kind !== (EXIT & 0xf0) && kind !== 0xe0;
};

/** Whether nothing outside of the program changes its answer: no helpers, no maps. */
const isPure = (insns: readonly Instruction[]): boolean =>
  insns.every(({ opcode, src }) => !(opcode === CALL && src !== 1) && !(opcode === LD_IMM64 && src !== 0));
