/**
 * A run of pages that small regions of maps share, so that a map of few bytes takes few. Regions start at a multiple of
 * GRANULE and never overlap; which of them an address belongs to is one look into a table. All regions of a run are of one
 * kind: what compiled programs may do with its pages at once holds for whatever lies there.
 */
import type { Region } from './address-space.ts';

/** Regions that share pages start at a multiple of this, and take a multiple. */
export const GRANULE = 64;
/** Bytes of a run. */
export const SHARED_BYTES = 65536;
/** Largest region that shares pages: what is larger loses little by taking whole ones. */
export const MAX_SHARED = 12288;

export class SharedPages {
  /** The pages themselves. */
  readonly pages: Region;
  /** The region that each granule belongs to. */
  readonly #owners: (Region | undefined)[] = new Array<undefined>(SHARED_BYTES / GRANULE).fill(undefined);
  #free = SHARED_BYTES / GRANULE;

  constructor(pages: Region) {
    this.pages = pages;
  }

  get isEmpty(): boolean {
    return this.#free === this.#owners.length;
  }

  /** The first place for `bytes`, a multiple of GRANULE: its address, or undefined. */
  place(bytes: number): number | undefined {
    const wanted = bytes / GRANULE;
    if (wanted > this.#free) return undefined;
    let run = 0;
    for (let i = 0; i < this.#owners.length; i++) {
      run = this.#owners[i] === undefined ? run + 1 : 0;
      if (run === wanted) return this.pages.base + (i + 1 - wanted) * GRANULE;
    }
    return undefined;
  }

  /** A region lies where `place` said. */
  add(region: Region): void {
    this.#set(region, region);
    this.#free -= region.reserved / GRANULE;
  }

  /** @returns false: the region is not there any more */
  remove(region: Region): boolean {
    if (this.at(region.base) !== region) return false;
    this.#set(region, undefined);
    this.#free += region.reserved / GRANULE;
    return true;
  }

  /** The region that an address of these pages belongs to. */
  at(address: number): Region | undefined {
    return this.#owners[Math.floor((address - this.pages.base) / GRANULE)];
  }

  #set({ base, reserved }: Region, owner: Region | undefined): void {
    const first = (base - this.pages.base) / GRANULE;
    this.#owners.fill(owner, first, first + reserved / GRANULE);
  }
}
