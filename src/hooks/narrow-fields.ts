/**
 * Context fields that keep less than is stored (`tc_index` and `tc_classid` 16 bits of 32; `queue_mapping` the same, and
 * nothing where the number is too large): what a store leaves, so that plain loads show what Linux shows.
 */
import type { CtxStruct } from '../contracts/index.ts';
import type { AddressSpace, Region } from '../memory/index.ts';
import type { Context } from '../vm/index.ts';

export interface NarrowContext extends Context {
  /** The fields are 0 again. */
  clear(): void;
}

export function narrowContext(space: AddressSpace, region: Region, struct: CtxStruct): NarrowContext {
  const fields = struct.fields.filter((field) => field.size === 4 && field.keep < 32);
  // Values before a store, for stores that change nothing.
  const values = new Uint32Array(fields.length);
  return {
    region,
    clear: () => void values.fill(0),
    kept(at, size) {
      for (let i = 0; i < fields.length; i++) {
        const { offset, keep, below } = fields[i];
        if (at >= offset + 4 || at + size <= offset) continue;
        const address = region.base + offset;
        const stored = space.view.getUint32(address, true);
        if (below === undefined || stored < below) values[i] = stored & (2 ** keep - 1);
        space.view.setUint32(address, values[i], true);
      }
    },
  };
}
