/**
 * Runs a classic filter over what is known of a system call. Loads give words of `struct seccomp_data` in the machine's own
 * order; `len` is 64; a division by an X of 0 ends the run with 0, which kills the thread. A value that comes of an unknown
 * word is unknown: where a comparison asks for it both ways are taken, and the answer is certain only if all ways end with
 * the same value.
 */
import {
  computeClassic,
  formatClassicInsn,
  holdsClassic,
  CLASSIC_CLASS,
  CLASSIC_MODE,
  MEM_WORDS,
} from '../cbpf/index.ts';
import type { ClassicInstruction } from '../cbpf/index.ts';
import { ALU, CLASS, JMP, MODE, SRC } from '../isa/index.ts';
import { assertSeccomp } from './check.ts';
import { SECCOMP_DATA_SIZE } from './data.ts';
import type { SeccompData } from './data.ts';
import type { FilterRun, Outcome, SeccompProgram } from './program.ts';

/** Ways through a filter that are followed, for one call. */
const MAX_WAYS = 4096;

/** Where a run stands. A value whose mask of words is not 0 is unknown. */
class State {
  at = 0;
  a = 0;
  x = 0;
  aWords = 0;
  xWords = 0;
  readonly memory = new Uint32Array(MEM_WORDS);
  readonly memoryWords = new Uint32Array(MEM_WORDS);
  /** Comparisons so far: twice the instruction, and 1 if it held. No run has more than the filter has instructions. */
  readonly steps: Uint16Array;
  taken = 0;

  constructor(length: number) {
    this.steps = new Uint16Array(length);
  }

  reset(): this {
    this.at = this.a = this.x = this.aWords = this.xWords = 0;
    this.taken = 0;
    return this;
  }

  fork(at: number, step: number): State {
    const { a, x, aWords, xWords } = this;
    const fork = Object.assign(new State(this.steps.length), { at, a, x, aWords, xWords, taken: this.taken + 1 });
    fork.steps.set(this.steps.subarray(0, this.taken));
    fork.steps[this.taken] = step;
    fork.memory.set(this.memory);
    fork.memoryWords.set(this.memoryWords);
    return fork;
  }
}

export class ClassicFilter implements SeccompProgram {
  readonly name: string;
  readonly pure = true;
  readonly insns: readonly ClassicInstruction[];
  readonly #state: State;
  #outcomes = new Map<number, Outcome>();
  #ways: State[] = [];
  #unknown = 0;
  #reads = 0;
  #complete = true;

  /** @throws BpfError EINVAL with the reason, where Linux would refuse the filter */
  constructor(insns: readonly ClassicInstruction[], name = '') {
    assertSeccomp(insns, name);
    this.insns = insns;
    this.#state = new State(insns.length);
    this.name = name;
  }

  text(insn: number): string {
    return formatClassicInsn(this.insns[insn], insn)
      .replace(/^\(\d+\) /, '')
      .replace(/\s+/g, ' ')
      .trim();
  }

  run(data: SeccompData): FilterRun {
    this.#outcomes = new Map();
    this.#ways = [];
    this.#unknown = this.#reads = 0;
    this.#complete = true;
    this.#follow(this.#state.reset(), data);
    for (let way, ways = 1; (way = this.#ways.pop()); ways++) {
      if (ways === MAX_WAYS) {
        this.#complete = false;
        break;
      }
      this.#follow(way, data);
    }
    const outcomes = [...this.#outcomes.values()];
    return { outcomes, unknown: this.#unknown, reads: this.#reads, complete: this.#complete };
  }

  #end({ steps, taken }: State, insn: number, returned: number): void {
    if (!this.#outcomes.has(returned)) this.#outcomes.set(returned, { returned, insn, steps: steps.slice(0, taken) });
  }

  /** One way to its end; others that begin on it are put off. */
  #follow(s: State, { words, known }: SeccompData): void {
    const { insns } = this;
    for (let { at } = s; ; at++) {
      const { code, jt, jf, k } = insns[at];
      switch (code & 7) {
        case CLASS.LD:
        case CLASS.LDX: {
          let value = k;
          let from = 0;
          const mode = code & 0xe0;
          if (mode === MODE.ABS) {
            const word = k >> 2;
            this.#reads |= 1 << word;
            value = words[word];
            from = (1 << word) & ~known;
          } else if (mode === MODE.MEM) {
            value = s.memory[k];
            from = s.memoryWords[k];
          } else if (mode === CLASSIC_MODE.LEN) value = SECCOMP_DATA_SIZE;
          if ((code & 7) === CLASS.LD) {
            s.a = value;
            s.aWords = from;
          } else {
            s.x = value;
            s.xWords = from;
          }
          break;
        }
        case CLASS.ST:
          s.memory[k] = s.a;
          s.memoryWords[k] = s.aWords;
          break;
        case CLASS.STX:
          s.memory[k] = s.x;
          s.memoryWords[k] = s.xWords;
          break;
        case CLASS.ALU: {
          const op = code & 0xf0;
          const operand = code & SRC.X ? s.x : k;
          if (code & SRC.X && op !== ALU.NEG) {
            if (op === ALU.DIV && (s.xWords !== 0 || operand === 0)) {
              this.#unknown |= s.xWords;
              this.#end(s, at, 0);
              if (s.xWords === 0) return;
            }
            s.aWords |= s.xWords;
          }
          s.a = s.aWords === 0 ? computeClassic(op, s.a, operand) : 0;
          break;
        }
        case CLASS.JMP: {
          const op = code & 0xf0;
          if (op === JMP.JA) {
            at += k;
            break;
          }
          const from = s.aWords | (code & SRC.X ? s.xWords : 0);
          if (from === 0) {
            const held = holdsClassic(op, s.a, code & SRC.X ? s.x : k);
            s.steps[s.taken++] = 2 * at + (held ? 1 : 0);
            at += held ? jt : jf;
            break;
          }
          if (jt !== jf) {
            this.#unknown |= from;
            this.#ways.push(s.fork(at + 1 + jf, 2 * at));
            s.steps[s.taken++] = 2 * at + 1;
          }
          at += jt;
          break;
        }
        case CLASSIC_CLASS.RET:
          if ((code & 0x18) !== 0x10) return this.#end(s, at, k);
          if (s.aWords !== 0) {
            this.#unknown |= s.aWords;
            this.#complete = false;
          } else this.#end(s, at, s.a);
          return;
        default:
          if (code & 0x80) {
            s.a = s.x;
            s.aWords = s.xWords;
          } else {
            s.x = s.a;
            s.xWords = s.aWords;
          }
      }
    }
  }
}
