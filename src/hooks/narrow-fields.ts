/**
 * Context fields that are narrower on Linux than the struct that programs see (`tc_index` is 16 bits of 32): what a store
 * leaves, so that plain loads show what Linux shows, and where loads of parts look.
 */
import type { CtxStruct } from '../contracts/index.ts';
import type { AddressSpace, Region } from '../memory/index.ts';
import type { Context } from '../vm/index.ts';

export interface NarrowContext extends Context {
  /** The fields are 0 again. */
  clear(): void;
}

export function narrowContext(space: AddressSpace, region: Region, struct: CtxStruct): NarrowContext {
  const fields = struct.fields.filter((field) => field.behind < field.size);
  const cells: [number, number] = [0, 0];
  const halves: [number, number] = [0, 0];
  /** Which of `fields` has a cell; -1: none. */
  const fieldOf = new Int8Array(Math.ceil(struct.size / 4)).fill(-1);
  fields.forEach(({ offset, behind, below }, i) => {
    const bit = 1 << ((offset >> 2) & 31);
    cells[offset >> 7] |= bit;
    if (behind === 2 && below === undefined) halves[offset >> 7] |= bit;
    fieldOf[offset >> 2] = i;
  });
  // Values before a store, for stores that change nothing.
  const values = new Uint32Array(fields.length);
  return {
    region,
    clear: () => void values.fill(0),
    cells,
    halves,
    loadOffset(at, size) {
      const i = fieldOf[at >> 2];
      return i < 0 || size < fields[i].behind ? at : fields[i].offset;
    },
    kept(at, size) {
      for (let cell = at >> 2; cell <= (at + size - 1) >> 2; cell++) {
        const i = fieldOf[cell];
        if (i < 0) continue;
        const { offset, behind, below } = fields[i];
        const address = region.base + offset;
        const stored = space.view.getUint32(address, true);
        if (below === undefined || stored < below) values[i] = stored & (0xffffffff >>> (32 - 8 * behind));
        space.view.setUint32(address, values[i], true);
      }
    },
  };
}
