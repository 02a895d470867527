/** Programs that no verifier should have let pass, in mode `hardened`: they come to an end that says why, and harm nobody. */
import { describe, expect, it } from 'vitest';
import { InternalError, Trap } from '../../errors/index.ts';
import { assemble } from '../../asm/index.ts';
import { AddressSpace } from '../../memory/index.ts';
import type { Region } from '../../memory/index.ts';
import { compile } from '../compile.ts';
import type { HelperFn } from '../executable.ts';
import { JitMachine } from './index.ts';

const space = new AddressSpace();
const env = { space, packet: undefined };
const before = space.allocate(100, { kind: 'packet', name: 'before the table' })!;
const machine = new JitMachine(env);

function region(name: string, options: Partial<Parameters<AddressSpace['allocate']>[1]> = {}, size = 4096): Region {
  const made = space.allocate(size, { kind: 'mem', name, ...options })!;
  space.bytes.fill(0xab, made.base, made.base + size);
  return made;
}

/** r0's low word, or how the program was stopped. */
function run(text: string, r1 = 0, r2 = 0, helper?: HelperFn<typeof env>): number | string {
  const executable = compile(assemble(text).insns, { helpers: () => helper, lazy: true });
  const program = machine.compile(executable, { mode: 'hardened' });
  if (!program.ok) throw new Error(program.unsupported);
  try {
    return machine.run(program, r1, r2);
  } catch (error) {
    if (error instanceof Trap || error instanceof InternalError) return error.message;
    throw error;
  }
}

const unharmed = ({ base, reserved }: Region): boolean =>
  space.bytes.subarray(base, base + reserved).every((byte) => byte === 0xab);

describe('hardened programs', () => {
  it('reach what programs may touch', () => {
    const plain = region('plain');
    expect(run('*(u64 *)(r1 + 8) = 7\nr0 = *(u64 *)(r1 + 8)\nexit', plain.base)).toBe(7);
    expect(run('*(u8 *)(r1 + 99) = 7\nr0 = *(u8 *)(r1 + 99)\nexit', before.base)).toBe(7);
    expect(run('*(u64 *)(r10 - 512) = 5\nr2 = r10\nr2 += r1\nr0 = *(u64 *)(r2 + 0)\nexit', -512)).toBe(5);
    const ended = 'invalid write of 8 bytes';
    expect(run('r2 = 1\nlock *(u64 *)(r1 + 0) += r2\nr0 = 0\nexit', plain.base)).toBe(0);
    expect(run('r2 = 1\nlock *(u64 *)(r1 + 0) += r2\nr0 = 0\nexit', plain.base + 4096)).toMatch(ended);
  });

  it('do not write what they may only read', () => {
    const constant = region('constant', { writable: false });
    expect(run('r0 = *(u16 *)(r1 + 0)\nexit', constant.base)).toBe(0xabab);
    expect(run('*(u16 *)(r1 + 4) = 0\nr0 = 0\nexit', constant.base)).toMatch('instruction 0: invalid write of 2 bytes');
    expect(unharmed(constant)).toBe(true);
  });

  it('do not reach headers of maps, the table of pages, the page at 0 and what lies between regions', () => {
    const header = region('header', { kind: 'map', writable: false, contains: () => false });
    const table = space.pageTable()!;
    for (const address of [header.base, header.base + 4088, header.base + 4090, header.base - 4, table, 0, 16, 65532]) {
      expect(run('r0 = 0\nr0 = *(u64 *)(r1 + 0)\nexit', address)).toMatch('instruction 1: invalid read of 8 bytes');
      expect(run('*(u64 *)(r1 + 0) = -1\nr0 = 0\nexit', address)).toMatch('instruction 0: invalid write of 8 bytes');
    }
    expect(unharmed(header)).toBe(true);
  });

  it('are held to the elements of regions that hold more than elements', () => {
    // An element of 24 bytes: a header of 8, and a value of 10.
    const slab = region('slab', { kind: 'map-value', contains: (at, size) => at % 24 >= 8 && (at % 24) + size <= 18 });
    expect(run('*(u64 *)(r1 + 32) = 1\nr0 = *(u64 *)(r1 + 32)\nexit', slab.base)).toBe(1);
    for (const at of [0, 7, 24 + 11, 24 + 18])
      expect(run(`*(u64 *)(r1 + ${at}) = 1\nr0 = 0\nexit`, slab.base)).toMatch('invalid write');
  });

  it('do not reach beyond the end of the memory', () => {
    for (const address of [0xfffffff8, 0xfffffffc, 0xffff0000, 0xfffeffff, space.bytes.length])
      expect(run('r0 = *(u64 *)(r1 + 0)\nexit', address)).toMatch(/invalid read of 8 bytes|stopped: memory access/);
    expect(run('*(u64 *)(r1 + 32767) = 1\nr0 = 0\nexit', 0xfffff000)).toMatch(/invalid write/);
  });

  it('do not recurse below the stack', () => {
    expect(run('r1 += 1\ncall pc-2\nexit')).toMatch('calls are more than 8 frames deep');
  });

  it('follow regions that come and go', () => {
    const gone = region('gone');
    const read = 'r0 = *(u32 *)(r1 + 0)\nexit';
    expect(run(read, gone.base)).toBe(0xabababab);
    space.free(gone);
    expect(run(read, gone.base)).toMatch('invalid read');
    const again = region('again');
    expect(run(read, again.base)).toBe(0xabababab);
  });

  it('do not make helpers reach what they may not', () => {
    const grow: HelperFn<typeof env> = (_env, r) =>
      void (r[0] = space.allocate(space.bytes.length, { kind: 'mem', name: 'more' })!.base);
    // The table is where it was after the memory has grown.
    expect(run('call 5\n*(u64 *)(r0 + 0) = 3\nr0 = *(u64 *)(r0 + 0)\nexit', 0, 0, grow)).toBe(3);
  });
});
