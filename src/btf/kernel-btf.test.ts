import { describe, expect, it } from 'vitest';
import { BtfBuilder, KernelBtf, KIND } from './index.ts';

/** A struct, a typedef and a variable of one name, and names that end with it. */
function types(): Uint8Array {
  const b = new BtfBuilder();
  const u32 = b.add({ kind: KIND.INT, name: 'unsigned int', size: 4, encoding: 0, offset: 0, bits: 32 });
  b.add({ kind: KIND.STRUCT, name: 'old_task', size: 4, members: [] });
  b.add({ kind: KIND.TYPEDEF, name: 'task', type: u32 });
  b.add({ kind: KIND.STRUCT, name: 'task', size: 8, members: [] });
  b.add({ kind: KIND.VAR, name: 'task', type: u32, linkage: 1 });
  b.add({ kind: KIND.STRUCT, name: 'task', size: 16, members: [] });
  return b.bytes();
}

describe('types of a kernel', () => {
  const kernel = new KernelBtf(types());

  it('are found by name and kind, in the order of the kinds', () => {
    expect(kernel.find('task', [KIND.STRUCT, KIND.TYPEDEF])).toBe(4);
    expect(kernel.find('task', [KIND.FUNC, KIND.VAR, KIND.STRUCT])).toBe(5);
    expect(kernel.find('task', [KIND.FUNC])).toBeUndefined();
    expect(kernel.struct('old_task')).toBe(2);
    expect(kernel.struct('ask')).toBeUndefined();
    expect(kernel.struct('')).toBeUndefined();
  });

  it('may share a name', () => {
    expect(kernel.all('task', [KIND.STRUCT])).toEqual([4, 6]);
    expect(kernel.all('task', [KIND.STRUCT, KIND.TYPEDEF])).toEqual([3, 4, 6]);
  });

  it('are read once, when the first is asked for', () => {
    let reads = 0;
    const lazy = new KernelBtf(() => {
      reads++;
      return types();
    });
    expect(reads).toBe(0);
    expect(lazy.struct('task')).toBe(4);
    expect(lazy.type(4)).toMatchObject({ name: 'task', size: 8 });
    expect(reads).toBe(1);
  });

  it('may be missing', () => {
    const none = new KernelBtf(() => undefined);
    expect(none.btf).toBeUndefined();
    expect(none.find('task', [KIND.STRUCT])).toBeUndefined();
    expect(none.all('task', [KIND.STRUCT])).toEqual([]);
  });
});
