/** Contexts for tests of single verifier passes. */
import { assemble } from '../../src/asm/index.ts';
import type { Instruction } from '../../src/isa/index.ts';
import { PROG_TYPE } from '../../src/uapi/index.ts';
import type { VerifyInput } from '../../src/verifier/index.ts';
import { Env } from '../../src/verifier/env.ts';

/** Every capability. */
export const ALL_CAPS = (1n << 64n) - 1n;

/** Input of a socket filter at log level 2 by a caller who may do everything. */
export function inputOf(program: string | readonly Instruction[], overrides: Partial<VerifyInput> = {}): VerifyInput {
  return {
    insns: typeof program === 'string' ? assemble(program).insns : program,
    progType: PROG_TYPE.SOCKET_FILTER,
    expectedAttachType: 0,
    progFlags: 0,
    license: 'GPL',
    caps: ALL_CAPS,
    mapOf: () => undefined,
    logLevel: 2,
    ...overrides,
  };
}

export function envOf(program: string | readonly Instruction[], overrides: Partial<VerifyInput> = {}): Env {
  return new Env(inputOf(program, overrides));
}

/** A slot from its fields. */
export function slot(opcode: number, dst = 0, src = 0, off = 0, imm = 0): Instruction {
  return { opcode, dst, src, off, imm };
}
