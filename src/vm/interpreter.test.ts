import { describe, expect, it } from 'vitest';
import { assembleConformance } from '../asm/index.ts';
import { Trap } from '../errors/index.ts';
import { decode } from '../isa/index.ts';
import { AddressSpace } from '../memory/index.ts';
import { toBigInt } from './arithmetic.ts';
import { compile } from './compile.ts';
import type { Executable, HelperFn } from './executable.ts';
import { Interpreter, POISON } from './interpreter.ts';
import type { World } from './interpreter.ts';
import type { Packet } from './packet.ts';

interface TestWorld extends World {
  packet: Packet | undefined;
}

const world: TestWorld = { space: new AddressSpace(), packet: undefined };
const programs: Executable<TestWorld>[] = [];
const interpreter = new Interpreter(world, (_map, index) => programs[index]);
const helpers: Record<number, HelperFn<TestWorld>> = {
  5: (_env, r) => {
    r[0] = 42;
    r[1] = 0;
  },
  6: (env) => void env.space.allocate(1 << 20, { kind: 'mem', name: 'more' }),
};

const build = (text: string): Executable<TestWorld> =>
  compile(assembleConformance(text).insns, { helpers: (id) => helpers[id] });
const r0 = (): bigint => toBigInt(interpreter.registers[0], interpreter.registers[1]);

function run(text: string, r1 = 0, r2 = 0): bigint {
  const executable = build(text);
  interpreter.run(executable, r1, r2, 1_000_000);
  return r0();
}

function trapOf(action: () => unknown): Trap {
  try {
    action();
  } catch (error) {
    if (error instanceof Trap) return error;
    throw error;
  }
  throw new Error('there was no trap');
}
const traps = (text: string, r1 = 0): string => trapOf(() => run(text, r1)).message;

describe('what cannot run', () => {
  const refuses = (text: string): string => trapOf(() => build(text)).message;
  const refusesRaw = (...slots: bigint[]): string =>
    trapOf(() => compile(decode(new Uint8Array(BigUint64Array.from(slots).buffer)), { helpers: () => undefined }))
      .message;

  it('names slot and cause', () => {
    expect(refuses('mov %r10, 1\nexit')).toBe('trap at instruction 0: r10 is read-only');
    expect(refuses('mov %r0, 1\nja +7\nexit')).toBe('trap at instruction 1: jump out of the program to 9');
    expect(refuses('ja +1\nlddw %r0, 1\nexit')).toBe('trap at instruction 0: jump into the middle of ld_imm64 at 2');
    expect(refuses('mov %r0, 1')).toBe('trap at instruction 0: the last instruction is not an exit or jump');
    expect(refuses('call local f\njeq %r0, 0, g\nexit\nf:\nmov %r0, 1\ng:\nexit')).toBe(
      'trap at instruction 1: jump out of the sub-program to 4',
    );
    expect(refusesRaw(0xffn, 0x95n)).toMatch('trap at instruction 0: unknown opcode 0xff');
    expect(refusesRaw(0xbb7n, 0x95n)).toMatch('there is no register r11');
    expect(refusesRaw(0x18n)).toMatch('lacks its second slot');
    expect(refusesRaw(0x1118n, 0n, 0x95n)).toMatch('ld_imm64 with source 1 loads nothing here');
    expect(refusesRaw(0x2a00002085n, 0x95n)).toMatch('call of kernel function 42');
    expect(refusesRaw(0x1000100bfn, 0x95n)).toMatch('addr_space_cast needs an arena');
    expect(trapOf(() => compile([], { helpers: () => undefined })).message).toMatch('the program is empty');
  });
});

it('meets what cannot run only when it comes there, if asked so', () => {
  const lazy = (text: string) => compile(assembleConformance(text).insns, { helpers: () => undefined, lazy: true });
  const text = 'mov %r0, 1\njeq %r1, 0, over\nmov %r10, 1\nover:\nexit';
  expect(interpreter.run(lazy(text), 0)).toBe(1);
  expect(trapOf(() => interpreter.run(lazy(text), 5)).message).toBe('trap at instruction 2: r10 is read-only');
  const exit = { opcode: 0x95, dst: 0, src: 0, off: 1, imm: 0 };
  const program = compile([{ ...exit, opcode: 0xb7, off: 0, imm: 3 }, exit], { helpers: () => undefined, lazy: true });
  expect(interpreter.run(program, 0), 'the offset of an exit is not looked at').toBe(3);
  expect(() => lazy('ja +5\nexit')).toThrow('jump out of the program');
});

describe('accesses', () => {
  it('traps outside of live objects', () => {
    const region = world.space.allocate(16, { kind: 'mem', name: 'sixteen bytes' })!;
    const frozen = world.space.allocate(16, { kind: 'mem', name: 'read-only', writable: false })!;
    const at = region.base.toString(16);
    expect(run('ldxdw %r0, [%r1+8]\nexit', region.base)).toBe(0n);
    expect(traps('ldxdw %r0, [%r1+9]\nexit', region.base)).toBe(
      `trap at instruction 0: invalid read of 8 bytes at 0x${(region.base + 9).toString(16)}`,
    );
    expect(traps('stb [%r1+16], 1\nexit', region.base)).toMatch('invalid write of 1 byte at');
    expect(traps('stb [%r1], 1\nexit', frozen.base)).toMatch(
      `invalid write of 1 byte at 0x${frozen.base.toString(16)}`,
    );
    expect(run('ldxb %r0, [%r1]\nexit', frozen.base)).toBe(0n);
    expect(traps('ldxb %r0, [%r1-1]\nexit')).toMatch('invalid read of 1 byte at 0xffffffffffffffff');
    expect(traps(`lddw %r2, 0x1000${at.padStart(8, '0')}\nldxb %r0, [%r2]\nexit`)).toMatch('invalid read');
    expect(traps('lddw %r2, 0xffffffff\nldxb %r0, [%r2+1]\nexit')).toMatch('1 byte at 0x100000000');
    expect(traps('stw [%r10], 1\nexit')).toMatch('invalid write of 4 bytes');
    expect(traps('stw [%r10-516], 1\nexit')).toMatch('invalid write of 4 bytes');
    world.space.free(region);
    expect(traps('ldxb %r0, [%r1]\nexit', region.base)).toMatch('invalid read');
  });

  it('checks atomic operations', () => {
    expect(traps('mov %r2, 1\nlock add [%r1], %r2\nexit')).toMatch('trap at instruction 1: invalid write of 8 bytes');
  });

  it('goes on after a helper made the memory grow', () => {
    expect(run('stdw [%r10-8], 7\ncall 6\nldxdw %r0, [%r10-8]\nexit')).toBe(7n);
  });
});

describe('frames', () => {
  it('start zeroed, each run and each call', () => {
    expect(run('ldxdw %r0, [%r10-512]\nstdw [%r10-512], -1\nexit')).toBe(0n);
    expect(run('ldxdw %r0, [%r10-512]\nexit')).toBe(0n);
    const twice = `
      call local f
      mov %r6, %r0
      call local f
      add %r0, %r6
      exit
    f:
      ldxdw %r0, [%r10-8]
      stdw [%r10-8], 1
      exit`;
    expect(run(twice)).toBe(0n);
  });

  it('keep r6-r9 and r10 for the caller, and let the callee reach the caller', () => {
    const text = `
      mov %r6, 6
      mov %r9, 9
      stdw [%r10-8], 3
      mov %r1, %r10
      call local f
      ldxdw %r1, [%r10-8]
      add %r0, %r1
      add %r0, %r6
      add %r0, %r9
      exit
    f:
      mov %r6, 100
      mov %r9, 100
      stdw [%r1-8], 4
      mov %r0, 1000
      exit`;
    expect(run(text)).toBe(1019n);
  });

  it('die when their function returns', () => {
    const text = 'call local f\nldxdw %r0, [%r0-8]\nexit\nf:\nmov %r0, %r10\nexit';
    expect(traps(text)).toMatch('trap at instruction 1: invalid read of 8 bytes');
  });

  it('are at most eight', () => {
    const chain = (depth: number): string => {
      const functions = Array.from({ length: depth }, (_, i) =>
        i + 1 < depth ? `f${i}:\nadd %r1, 1\ncall local f${i + 1}\nexit` : `f${i}:\nadd %r1, 1\nmov %r0, %r1\nexit`,
      );
      return `mov %r1, 0\ncall local f0\nexit\n${functions.join('\n')}`;
    };
    expect(run(chain(7))).toBe(7n);
    expect(traps(chain(8))).toMatch('calls are more than 8 frames deep');
  });
});

describe('calls', () => {
  it('poison r1-r5 and keep the rest', () => {
    const poison = BigInt.asUintN(64, (BigInt(POISON) << 32n) | BigInt(POISON >>> 0));
    expect(run('mov %r6, 1\ncall 5\nexit')).toBe(42n);
    for (const register of [1, 2, 3, 4, 5]) expect(run(`call 5\nmov %r0, %r${register}\nexit`)).toBe(poison);
    expect(run('mov %r6, 6\ncall 5\nmov %r0, %r6\nexit')).toBe(6n);
  });

  it('trap on unknown helpers, by number and by register', () => {
    expect(traps('call 77\nexit')).toBe('trap at instruction 0: call of unknown helper 77');
    expect(run('mov %r3, 5\ncall %r3\nexit')).toBe(42n);
    expect(traps('lddw %r3, 0x100000005\ncall %r3\nexit')).toMatch('call of unknown helper');
  });

  it('tail calls run another program at most 33 times', () => {
    programs[0] = build('mov %r0, 9\nexit');
    expect(run('stdw [%r10-8], 5\nmov %r3, 0\ncall 12\nmov %r0, 1\nexit')).toBe(9n);
    expect(run('mov %r3, 7\ncall 12\nmov %r0, 1\nexit')).toBe(1n);
    programs[1] = build('mov %r3, 1\ncall 12\nmov %r0, 5\nexit');
    expect(run('mov %r9, 0\nmov %r3, 1\ncall 12\nexit')).toBe(5n);
    expect(interpreter.executed).toBe(3 + 33 * 2 + 2);
    // The other program has its context and a stack of its own, and nothing else.
    programs[1] = build('mov %r0, %r1\nadd %r0, %r9\nldxdw %r2, [%r10-8]\nadd %r0, %r2\nexit');
    expect(run('stdw [%r10-8], 5\nmov %r9, 7\nmov %r1, 3\nmov %r3, 1\ncall 12\nexit')).toBe(3n);
  });

  it('return from another program to the caller of a sub-program', () => {
    programs[0] = build('mov %r0, 9\nexit');
    const text = 'mov %r6, 1\ncall local f\nadd %r0, %r6\nexit\nf:\nmov %r3, 0\ncall 12\nmov %r0, 0\nexit';
    expect(run(text)).toBe(10n);
  });
});

describe('may_goto', () => {
  const executable = build('mov %r0, 0\nloop:\nmay_goto done\nadd %r0, 1\nja loop\ndone:\nexit');

  it('leaves an endless loop at the first look at a clock that there is not', () => {
    interpreter.run(executable, 0);
    expect(r0()).toBe(65_535n);
  });

  it('leaves an endless loop a quarter of a second after the first look at the clock, in each frame by itself', () => {
    let time = 1e9;
    const timed = new Interpreter({ ...world, clock: { monotonic: () => (time += 90e6) } });
    timed.run(executable, 0);
    expect(timed.registers[0]).toBe(4 * 65_535);
    const twice = build(
      'call local f\nmov %r6, %r0\ncall local f\nadd %r0, %r6\nexit\nf:\nmov %r0, 0\nloop:\nmay_goto done\nadd %r0, 1\nja loop\ndone:\nmay_goto end\nadd %r0, 1\nend:\nexit',
    );
    timed.run(twice, 0);
    expect(timed.registers[0]).toBe(2 * 4 * 65_535);
  });
});

describe('running', () => {
  const loop = build('mov %r0, 0\nloop:\nadd %r0, 1\njne %r0, 100, loop\nexit');

  it('stops when the budget is used up', () => {
    interpreter.run(loop, 0, 0, 202);
    expect(interpreter.executed).toBe(202);
    const trap = trapOf(() => interpreter.run(loop, 0, 0, 201));
    expect(trap.message).toBe('trap at instruction 3: the instruction budget is used up');
  });

  it('pauses, steps and goes on', () => {
    interpreter.start(loop, 0);
    expect(interpreter.step()).toBe(false);
    expect(interpreter.slot).toBe(1);
    expect(interpreter.resume(4)).toBe(false);
    expect([interpreter.slot, interpreter.registers[0], interpreter.executed]).toEqual([1, 2, 5]);
    expect(interpreter.resume()).toBe(true);
    expect([r0(), interpreter.executed]).toEqual([100n, 202]);
  });

  it('shows every instruction before it runs', () => {
    const seen: [number, number, number][] = [];
    const nested = build('mov %r0, 3\ncall local f\nexit\nf:\nadd %r0, 1\nexit');
    interpreter.observe = (it) => void seen.push([it.slot, it.registers[0], it.depth]);
    try {
      interpreter.run(nested, 0);
    } finally {
      interpreter.observe = undefined;
    }
    expect(seen).toEqual([
      [0, 0, 0],
      [1, 3, 0],
      [3, 3, 1],
      [4, 4, 1],
      [2, 4, 0],
    ]);
  });

  it('starts anew after a trap in a sub-program', () => {
    expect(traps('call local f\nexit\nf:\nmov %r1, 0\nldxb %r0, [%r1]\nexit')).toMatch('trap at instruction 3');
    expect(run('mov %r0, 1\nexit')).toBe(1n);
    expect(traps('mov %r1, %r10\nadd %r1, 8192\nldxb %r0, [%r1-8]\nexit')).toMatch('invalid read');
  });
});

describe('packet loads', () => {
  const region = world.space.allocate(20, { kind: 'packet', name: 'packet' })!;
  const bytes = Uint8Array.from({ length: 20 }, (_, i) => 0x10 + i);

  it('read big-endian at an offset or end the program with 0', () => {
    world.space.bytes.set(bytes, region.base);
    const { base } = region;
    world.packet = { data: base + 4, length: 16, mac: base, network: base + 6 };
    expect(run('mov %r6, %r1\nldabsw 0\nexit')).toBe(0x14151617n);
    expect(run('mov %r6, %r1\nldabsh 14\nexit')).toBe(0x2223n);
    expect(run('mov %r6, %r1\nldabsb 15\nadd %r0, 1\nexit')).toBe(0x24n);
    expect(run('mov %r6, %r1\nmov %r0, 7\nldabsh 15\nmov %r0, 5\nexit')).toBe(0n);
    expect(run('mov %r6, %r1\nmov %r7, 3\nldindb %r7, -1\nexit')).toBe(0x16n);
    expect(run(`mov %r6, %r1\nldabsb ${-0x200000 + 1}\nexit`)).toBe(0x11n);
    expect(run(`mov %r6, %r1\nldabsb ${-0x100000}\nexit`)).toBe(0x16n);
    expect(run('mov %r6, %r1\nldabsb -1\nmov %r0, 5\nexit')).toBe(0n);
    world.packet = undefined;
    expect(run('mov %r6, %r1\nldabsw 0\nmov %r0, 5\nexit')).toBe(0n);
  });
});
