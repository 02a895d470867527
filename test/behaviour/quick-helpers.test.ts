/**
 * Helpers that compiled programs do without JavaScript: random calls in a row, plain ones and wrong ones, have the same results,
 * packets and contexts as on the interpreter, in both modes of compiled programs.
 */
import { describe, expect, it } from 'vitest';
import { assemble } from '../../src/asm/index.ts';
import { encode } from '../../src/isa/index.ts';
import { createKernel } from '../../src/kernel/index.ts';
import { BPF_CMD, HELPER_NAMES, PROG_TYPE } from '../../src/uapi/index.ts';
import { Random } from '../../src/util/index.ts';
import { hex, u32 } from './support.ts';

const ENGINES = {
  interp: { engine: 'interp' },
  jit: { engine: 'jit' },
  hardened: { engine: 'jit', hardened: true },
} as const;
const PROGRAMS = 100;
const SEED = 20;

/** Ethernet and IPv4. */
const FRAME = new Uint8Array(
  Buffer.from(
    '020000000001020000000002080045000040000140004006f99d0a0000010a000002' + '0123456789abcdef'.repeat(6),
    'hex',
  ),
);

const EDGES = [
  0, 1, 2, 13, 14, 24, 50, 78, 80, 81, 82, 83, 100, 0xffff, 0x10000, 0x7fffffff, -1, -2, -8, -14, -216, -217,
];

/** Where the frame's buffer ends, and where the frame would be too short. */
const MOVES = [-216, -217, -208, 68, 69, -68, -69, 3438, 3439, 0x7fffffff, -0x80000000, 0, 8, -8, 14, -14];

class CallWriter {
  readonly #random: Random;
  readonly #helpers: readonly string[];

  constructor(random: Random, helpers: readonly string[]) {
    this.#random = random;
    this.#helpers = helpers;
  }

  #number(): number {
    const random = this.#random;
    return random.oneIn(3) ? random.pick(EDGES) : random.below(90);
  }

  #flags(): number {
    return this.#random.pick([0, 0, 2, 2, 4, 4, 1, 3, 8, 0x10, 0x12, 0x14, 0x20, 0x22, 0x24, 0x64, 0x80, 0x100, -1]);
  }

  /** 1 to 48 bytes of the stack in `r`, their number in the next register. */
  #memory(r: number, least = 1): string {
    const random = this.#random;
    const size = least + random.below(49 - least);
    return `r${r} = r10\nr${r} += -64\nr${r + 1} = ${size}`;
  }

  /** A call with the context in r6; its result goes into the sum in r7. */
  write(): string {
    const name = this.#random.pick(this.#helpers);
    return `${this.#arguments(name)}\ncall ${HELPER_NAMES.indexOf(name)}
      r7 *= 31
      r7 += r0
      r0 >>= 32
      r7 ^= r0`;
  }

  #arguments(name: string): string {
    const random = this.#random;
    switch (name) {
      case 'csum_diff': {
        const memory = (r: number): string => (random.oneIn(4) ? `r${r} = 0\nr${r + 1} = 0` : this.#memory(r));
        return `${memory(1)}\n${memory(3)}\nr2 &= 60\nr4 &= 60\nr5 = ${random.u32() | 0}`;
      }
      case 'l3_csum_replace':
      case 'l4_csum_replace': {
        const from = random.oneIn(3) ? '0 ll' : random.oneIn(4) ? `0x${random.u32().toString(16)}00000007 ll` : '';
        const word = (): string => `0x${random.u32().toString(16)} ll`;
        return `r1 = r6\nr2 = ${this.#number()}\nr3 = ${from || word()}\nr4 = ${word()}\nr5 = ${this.#flags()}`;
      }
      case 'skb_store_bytes':
        return `r1 = r6\nr2 = ${this.#number()}\n${this.#memory(3)}\nr5 = ${random.below(5)}`;
      case 'skb_load_bytes':
      case 'xdp_load_bytes':
      case 'xdp_store_bytes':
        return `r1 = r6\nr2 = ${this.#number()}\n${this.#memory(3)}`;
      case 'xdp_adjust_meta':
        return `r1 = r6\nr2 = ${random.oneIn(4) ? this.#number() : 4 * random.below(40) - 80}`;
      case 'xdp_adjust_head':
      case 'xdp_adjust_tail':
        return `r1 = r6\nr2 = ${random.oneIn(2) ? random.pick(MOVES) : random.below(60) - 30}`;
      default:
        return `r1 = r6\nr2 = ${this.#number()}`;
    }
  }
}

const COMMON = ['csum_diff', 'get_smp_processor_id', 'get_numa_node_id'];
const TYPES = {
  tc: {
    progType: PROG_TYPE.SCHED_CLS,
    helpers: ['skb_load_bytes', 'skb_store_bytes', 'l3_csum_replace', 'l4_csum_replace', 'skb_pull_data', ...COMMON],
  },
  xdp: {
    progType: PROG_TYPE.XDP,
    helpers: ['head', 'meta', 'tail']
      .map((end) => `xdp_adjust_${end}`)
      .concat('xdp_load_bytes', 'xdp_store_bytes', 'xdp_get_buff_len', COMMON),
  },
};

/** Everything that a run shows. */
function run(
  options: (typeof ENGINES)[keyof typeof ENGINES],
  progType: number,
  text: string,
  ctxIn?: Uint8Array,
): object {
  using kernel = createKernel(options);
  const progFd = kernel.bpf(BPF_CMD.PROG_LOAD, { progType, insns: encode(assemble(text).insns), license: 'GPL' });
  if (progFd < 0) throw new Error(`${text}\nis refused: ${progFd}`);
  const [dataOut, ctxOut] = [new Uint8Array(8192), new Uint8Array(256)];
  const attr = { progFd, dataIn: FRAME, dataOut, ctxIn, ctxOut, repeat: 1, retval: 0, dataSizeOut: 0, ctxSizeOut: 0 };
  const result = kernel.bpf(BPF_CMD.PROG_TEST_RUN, attr);
  expect(kernel.notCompiled(progFd)).toBeUndefined();
  const { retval, dataSizeOut, ctxSizeOut } = attr;
  return { result, retval, data: hex(dataOut.subarray(0, dataSizeOut)), ctx: hex(ctxOut.subarray(0, ctxSizeOut)) };
}

it.each(['head', 'meta', 'tail'])('the %s of a frame moves as far as it does for the interpreter', (end) => {
  for (const by of [...MOVES, -4, -252, -256, 4]) {
    const text = `r2 = ${by}\ncall ${HELPER_NAMES.indexOf(`xdp_adjust_${end}`)}\nexit`;
    for (const ctxIn of [u32(0, FRAME.length), u32(8, FRAME.length)]) {
      const expected = run(ENGINES.interp, PROG_TYPE.XDP, text, ctxIn);
      for (const engine of ['jit', 'hardened'] as const)
        expect(run(ENGINES[engine], PROG_TYPE.XDP, text, ctxIn), `${engine}: by ${by}`).toEqual(expected);
    }
  }
});

describe.each(Object.entries(TYPES))('quick helpers of %s programs', (type, { progType, helpers }) => {
  it(`give what the interpreter's do, seed ${SEED}`, () => {
    const random = new Random(SEED);
    const calls = new CallWriter(random, helpers);
    for (let i = 0; i < PROGRAMS; i++) {
      const zeroed = Array.from(
        { length: 8 },
        (_, word) => `r1 = 0x${random.u32().toString(16)}7fe1 ll
        *(u64 *)(r10 - ${8 * (word + 1)}) = r1`,
      );
      const body = Array.from({ length: 1 + random.below(6) }, () => calls.write());
      // Packet pointers, and the last bytes of the stack, go into the sum too.
      const text = `r6 = r1\nr7 = 0\n${zeroed.join('\n')}\n${body.join('\n')}
        r1 = *(u64 *)(r10 - 64)
        r7 ^= r1
        r1 = *(u64 *)(r10 - 32)
        r7 ^= r1
        r0 = r7\nr7 >>= 32\nr0 ^= r7\nexit`;
      const ctxIn = type === 'xdp' ? u32(random.pick([0, 0, 8]), FRAME.length) : undefined;
      const expected = run(ENGINES.interp, progType, text, ctxIn);
      for (const engine of ['jit', 'hardened'] as const)
        expect(run(ENGINES[engine], progType, text, ctxIn), `${engine}, program ${i}:\n${text}`).toEqual(expected);
    }
  });
});

describe('random numbers', () => {
  const text = 'call 7\nexit';
  const runs = (random?: () => number): number[] => {
    using kernel = createKernel({ engine: 'jit', random });
    const insns = encode(assemble(text).insns);
    const progFd = kernel.bpf(BPF_CMD.PROG_LOAD, { progType: PROG_TYPE.XDP, insns, license: 'GPL' });
    return Array.from({ length: 1000 }, () => {
      const attr = { progFd, dataIn: FRAME, repeat: 1, retval: 0 };
      expect(kernel.bpf(BPF_CMD.PROG_TEST_RUN, attr)).toBe(0);
      return attr.retval >>> 0;
    });
  };

  it('are those that the host gives', () => {
    let next = 0;
    expect(runs(() => (next += 7)).slice(1, 4)).toEqual([14, 21, 28]);
  });

  it('have 32 random bits', () => {
    const numbers = runs();
    expect(new Set(numbers).size).toBeGreaterThan(990);
    for (let bit = 0; bit < 32; bit++) {
      const set = numbers.filter((number) => (number >>> bit) & 1).length;
      expect(set, `bit ${bit}`).toBeGreaterThan(350);
      expect(set, `bit ${bit}`).toBeLessThan(650);
    }
    expect(runs()).not.toEqual(numbers);
  });
});
