/** Every arithmetic, jump and memory form of the opcode table against a model in BigInts. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CLASS, FORMS, JMP, MODE, accessSize, type Form, type Instruction } from '../isa/index.ts';
import { AddressSpace } from '../memory/index.ts';
import { Model } from '../../test/support/bigint-model.ts';
import { toBigInt } from './arithmetic.ts';
import { compile } from './compile.ts';
import { Interpreter } from './interpreter.ts';

const space = new AddressSpace();
const interpreter = new Interpreter({ space, packet: undefined });
const MEMORY = 32;
const region = space.allocate(MEMORY, { kind: 'mem', name: 'memory' })!;

const insn = (opcode: number, dst = 0, src = 0, off = 0, imm = 0): Instruction => ({ opcode, dst, src, off, imm });
const EXIT = insn(0x95);

const edges = [
  0n,
  1n,
  2n,
  7n,
  8n,
  31n,
  32n,
  33n,
  63n,
  64n,
  0x7fn,
  0x80n,
  0xffffn,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
];
edges.push(0x100000000n, 0x1fffffffffffffn, 0x20000000000000n, (1n << 63n) - 1n, 1n << 63n, (1n << 64n) - 1n);
const number64 = fc.oneof(
  fc.constantFrom(...edges, ...edges.map((value) => BigInt.asUintN(64, -value))),
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
);
const number32 = number64.map((value) => Number(BigInt.asIntN(32, value)));

/** `dst = value` for each register. */
function setup(values: readonly bigint[]): Instruction[] {
  return values.flatMap((value, register) => [
    insn(0x18, register, 0, 0, Number(BigInt.asIntN(32, value))),
    insn(0, 0, 0, 0, Number(BigInt.asIntN(32, value >> 32n))),
  ]);
}

/** All registers, unsigned, after a run; r1 + offset of memory is `base` there and 0 in the model. */
function registersOf(program: readonly Instruction[]): bigint[] {
  const executable = compile(program, { helpers: () => undefined });
  interpreter.run(executable, 0);
  return Array.from({ length: 10 }, (_, n) => toBigInt(executable.file[2 * n], executable.file[2 * n + 1]));
}

/** What must hold of an instruction on operands: registers afterwards equal the model's. */
function agrees(program: readonly Instruction[]): void {
  const model = new Model();
  model.run(program);
  expect(registersOf(program).join()).toBe(model.regs.slice(0, 10).join());
}

const isJump = (form: Form): boolean =>
  ((form.opcode & 7) === CLASS.JMP || (form.opcode & 7) === CLASS.JMP32) &&
  ![JMP.CALL, JMP.EXIT, JMP.JCOND].includes((form.opcode & 0xf0) as 0x80);
const isArithmetic = (form: Form): boolean =>
  ((form.opcode & 7) === CLASS.ALU || (form.opcode & 7) === CLASS.ALU64) && form.mnemonic !== 'addr_space_cast';

describe('arithmetic', () => {
  for (const form of FORMS.filter(isArithmetic)) {
    it(`${form.syntax}`, () => {
      fc.assert(
        fc.property(number64, number64, number32, fc.boolean(), (a, b, imm, same) => {
          const { opcode, fixed } = form;
          const shifts = [0x60, 0x70, 0xc0].includes(opcode & 0xf0) && (opcode & 8) === 0;
          const operand = shifts ? imm & ((opcode & 7) === CLASS.ALU64 ? 63 : 31) : imm;
          const tested = insn(
            opcode,
            1,
            form.operands.has('src') ? (same ? 1 : 2) : 0,
            fixed.off ?? 0,
            form.operands.has('imm') ? operand : (fixed.imm ?? 0),
          );
          agrees([...setup([0n, a, b]), tested, EXIT]);
        }),
        { numRuns: 200 },
      );
    });
  }
});

describe('jumps', () => {
  for (const form of FORMS.filter(isJump)) {
    it(`${form.syntax}`, () => {
      fc.assert(
        fc.property(number64, number64, number32, fc.boolean(), (a, b, imm, equal) => {
          const long = form.mnemonic === 'ja32';
          const tested = insn(
            form.opcode,
            form.operands.has('dst') ? 1 : 0,
            form.operands.has('src') ? 2 : 0,
            long ? 0 : 2,
            form.operands.has('imm') ? (long ? 2 : equal ? Number(BigInt.asIntN(32, a)) : imm) : 0,
          );
          const tail = [insn(0xb7, 0, 0, 0, 1), insn(0x05, 0, 0, 1), insn(0xb7, 0, 0, 0, 2), EXIT];
          agrees([...setup([0n, a, equal ? a : b]), tested, ...tail]);
        }),
        { numRuns: 200 },
      );
    });
  }
});

describe('memory', () => {
  const touches = (form: Form): boolean => [CLASS.LDX, CLASS.ST, CLASS.STX].includes((form.opcode & 7) as 1);
  const ordered = (form: Form): boolean => /acquire|release/.test(form.mnemonic);
  for (const form of FORMS.filter(touches)) {
    it(`${form.syntax}`, () => {
      fc.assert(
        fc.property(
          fc.uint8Array({ minLength: MEMORY, maxLength: MEMORY }),
          number64,
          number64,
          number32,
          fc.integer({ min: 0, max: MEMORY - 8 }),
          fc.boolean(),
          (bytes, value, r0, imm, at, matches) => {
            const { opcode } = form;
            const size = accessSize(opcode);
            const load = (opcode & 7) === CLASS.LDX || /acquire/.test(form.mnemonic);
            const [dst, src] = load ? [3, 1] : [1, form.operands.has('src') ? 2 : 0];
            const tested = insn(opcode, dst, src, at, form.operands.has('imm') ? imm : (form.fixed.imm ?? 0));
            const view = new DataView(bytes.buffer, bytes.byteOffset);
            const old = size === 8 ? view.getBigUint64(at, true) : BigInt(view.getUint32(at, true));
            const program = (base: bigint): Instruction[] => [
              ...setup([matches ? old : r0, base, value, 0n]),
              tested,
              insn(0xb7, 1), // an address is not compared
              EXIT,
            ];
            const model = new Model(MEMORY);
            model.memory.set(bytes);
            // The model knows the two as the load and store that they are.
            const plain = load ? CLASS.LDX : CLASS.STX;
            const asPlain = { ...tested, opcode: plain | (opcode & 0x18) | MODE.MEM, imm: 0 };
            model.run(program(0n).map((one) => (one === tested && ordered(form) ? asPlain : one)));
            space.bytes.set(bytes, region.base);
            expect(registersOf(program(BigInt(region.base))).join()).toBe(model.regs.slice(0, 10).join());
            expect(space.bytes.slice(region.base, region.base + MEMORY).join()).toBe(model.memory.join());
          },
        ),
        { numRuns: 200 },
      );
    });
  }
});
