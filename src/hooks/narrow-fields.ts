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
  // Values before a store, for stores that change nothing.
  const values = new Uint32Array(fields.length);
  return {
    region,
    clear: () => void values.fill(0),
    isNarrow: (at, size) => fields.some(({ offset, size: whole }) => at < offset + whole && at + size > offset),
    loadOffset(at, size) {
      for (const { offset, size: whole, behind } of fields) {
        if (at >= offset && at < offset + whole) return size < behind ? at : offset;
      }
      return at;
    },
    kept(at, size) {
      for (let i = 0; i < fields.length; i++) {
        const { offset, size: whole, behind, below } = fields[i];
        if (at >= offset + whole || at + size <= offset) continue;
        const address = region.base + offset;
        const stored = space.view.getUint32(address, true);
        if (below === undefined || stored < below) values[i] = stored & (2 ** (8 * behind) - 1);
        space.view.setUint32(address, values[i], true);
      }
    },
  };
}
