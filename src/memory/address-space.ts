/**
 * The one memory of a userspace kernel. An eBPF pointer is its zero-extended address here. Memory is handed out in
 * regions of whole pages; every address belongs to one region or to none, so that a checked access costs one table
 * look-up. Address 0 and the first 64 KiB belong to no region, and so does at least one page between regions. Only small
 * regions of maps share pages, with others of which programs may do the same: see shared-pages.ts.
 * `allocate` may grow the memory, which detaches all views: never keep `bytes` or `view` across it.
 */
import { GRANULE, MAX_SHARED, SHARED_BYTES, SharedPages } from './shared-pages.ts';

/** Granularity of regions, in bytes. */
export const PAGE = 4096;
const PAGE_BITS = 12;
const WASM_PAGE = 65536;
const GUARD = WASM_PAGE;
/** So many bytes are copied quicker one by one than through a view of them, which has to be made. */
const FEW = 48;

/** What compiled programs may do with a page at once; anything else is checked exactly. Bits of the table of pages. */
export const PAGE_OPEN = { READ: 1, WRITE: 2 } as const;

/** Regions of which programs may touch whatever lies on their pages: nothing else does. */
const OPEN_KINDS: ReadonlySet<RegionKind> = new Set(['stack', 'ctx', 'packet']);

/** Regions that may share pages. */
const SHARING_KINDS: ReadonlySet<RegionKind> = new Set(['map', 'map-value']);

export type RegionKind = 'stack' | 'ctx' | 'packet' | 'mem' | 'map' | 'map-value';

/** A live range of memory and what may be done with it. */
export interface Region {
  readonly base: number;
  /** Usable bytes from `base`; an access must lie wholly inside. */
  size: number;
  readonly kind: RegionKind;
  writable: boolean;
  /** Bytes reserved: whole pages, or less where they are shared. */
  readonly reserved: number;
  /** Name for messages. */
  readonly name: string;
  /**
   * Finer check for regions made of elements (map values): whether `size` bytes at `offset` lie inside one live
   * element. Absent: the whole range is one object.
   */
  contains?(offset: number, size: number): boolean;
}

/** What the table of pages holds: where they are shared, the region is only what keeps them. */
interface PageRegion extends Region {
  shared?: SharedPages;
}

export interface AllocateOptions {
  kind: RegionKind;
  name: string;
  writable?: boolean;
  contains?(offset: number, size: number): boolean;
  /** With `contains`: what lies on the pages and is not contained is of no use to anybody, such as padding. */
  padded?: boolean;
  /** Whole pages even where it is small. */
  ownPages?: boolean;
}

/** What `size` bytes of a map take: whole pages, or whole granules of those that are shared. */
export function reservedBytes(size: number): number {
  const unit = size <= MAX_SHARED ? GRANULE : PAGE;
  return Math.max(1, Math.ceil(size / unit)) * unit;
}

/** Bits of PAGE_OPEN for the pages of a region. */
function openness({ kind, writable = true, contains, padded }: AllocateOptions): number {
  if (OPEN_KINDS.has(kind)) return PAGE_OPEN.READ | PAGE_OPEN.WRITE;
  if (contains !== undefined && padded !== true) return 0;
  return PAGE_OPEN.READ | (writable ? PAGE_OPEN.WRITE : 0);
}

export class AddressSpace {
  readonly memory: WebAssembly.Memory;
  /** Region of each page, by page number. */
  #pages: (PageRegion | undefined)[] = [];
  /** Regions whose pages are open to programs: bits of PAGE_OPEN. */
  readonly #open = new Map<Region, number>();
  /** Free page runs: [first page, pages], in address order, never adjacent. */
  #free: [number, number][] = [];
  /** Pages that are shared, by what compiled programs may do with them: bits of PAGE_OPEN. */
  readonly #shared: Record<number, SharedPages[]> = {};
  #end: number;
  #used = 0;
  readonly #limit: number;
  /** The table of pages, once somebody has asked for it. */
  #table: Region | undefined;
  #bytes!: Uint8Array;
  #view!: DataView;

  /** Whether regions that are open to programs share no pages. */
  readonly #apart: boolean;

  /**
   * @param limit most bytes the memory may grow to; 4 GiB at most.
   * @param apart what is open to programs has pages of its own, and a page of nobody's behind it, however small it is: who
   *   runs over the end of one map's values, held to the table of pages only, does not get into another's.
   */
  constructor(limit = 0xffff0000, apart = false) {
    this.#apart = apart;
    this.#limit = Math.floor(limit / WASM_PAGE);
    this.memory = new WebAssembly.Memory({ initial: Math.min(16, this.#limit), maximum: this.#limit });
    this.#end = GUARD / PAGE;
    this.#refresh();
  }

  /** All of the memory. Detached by the next growth. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** All of the memory. Detached by the next growth. */
  get view(): DataView {
    return this.#view;
  }

  /** Bytes that live regions hold; guard pages and what is free of shared pages are left out. */
  get used(): number {
    return this.#used;
  }

  /** Copy `size` bytes at an address to the start of `to`, which has room. */
  copyOut(address: number, to: Uint8Array, size: number): void {
    const bytes = this.#bytes;
    if (size > FEW) to.set(bytes.subarray(address, address + size));
    else for (let i = 0; i < size; i++) to[i] = bytes[address + i];
  }

  /** Copy the first `size` bytes of `from` to an address. */
  copyIn(address: number, from: Uint8Array, size: number): void {
    const bytes = this.#bytes;
    if (size > FEW) bytes.set(from.subarray(0, size), address);
    else for (let i = 0; i < size; i++) bytes[address + i] = from[i];
  }

  #refresh(): void {
    this.#bytes = new Uint8Array(this.memory.buffer);
    this.#view = new DataView(this.memory.buffer);
  }

  /**
   * A zeroed region of `size` bytes at a page boundary (a small one of a map: at a multiple of GRANULE), or undefined when
   * the memory is exhausted (-ENOMEM).
   */
  allocate(size: number, options: AllocateOptions): Region | undefined {
    const alone = options.ownPages || (this.#apart && openness(options) !== 0);
    const shares = SHARING_KINDS.has(options.kind) && size <= MAX_SHARED && !alone;
    return shares ? this.#allocateShared(size, options) : this.#allocatePages(size, options);
  }

  #allocateShared(size: number, options: AllocateOptions): Region | undefined {
    const reserved = reservedBytes(size);
    const runs = (this.#shared[openness(options)] ??= []);
    let shared = runs.find((one) => one.place(reserved) !== undefined);
    if (shared === undefined) {
      const pages = this.#allocatePages(SHARED_BYTES, { ...options, name: 'maps' });
      if (pages === undefined) return this.#allocatePages(size, options);
      this.#used -= pages.reserved;
      shared = (pages as PageRegion).shared = new SharedPages(pages);
      runs.push(shared);
    }
    const base = shared.place(reserved) as number;
    const { kind, name, writable = true, contains } = options;
    const region: Region = { base, size, kind, name, writable, reserved, contains };
    shared.add(region);
    this.#used += reserved;
    // Pages that are open to programs were so before, too.
    this.#bytes.fill(0, base, base + reserved);
    return region;
  }

  #freeShared(region: Region, shared: SharedPages): void {
    if (!shared.remove(region)) return;
    this.#bytes.fill(0, region.base, region.base + region.reserved);
    this.#used -= region.reserved;
    if (!shared.isEmpty) return;
    for (const runs of Object.values(this.#shared)) if (runs.includes(shared)) runs.splice(runs.indexOf(shared), 1);
    (shared.pages as PageRegion).shared = undefined;
    this.#used += shared.pages.reserved;
    this.free(shared.pages);
  }

  #allocatePages(size: number, options: AllocateOptions): Region | undefined {
    const pages = Math.max(1, Math.ceil(size / PAGE));
    const first = this.#takePages(pages + 1); // the page behind stays unmapped
    if (first === undefined) return undefined;
    const region: Region = {
      base: first * PAGE,
      size,
      kind: options.kind,
      name: options.name,
      writable: options.writable ?? true,
      reserved: pages * PAGE,
      contains: options.contains,
    };
    this.#pages.fill(region, first, first + pages);
    this.#used += region.reserved;
    const open = openness(options);
    if (open !== 0) this.#open.set(region, open);
    this.#writeTable(region, open);
    return region;
  }

  /**
   * A table with a byte for each page of all that the memory may grow to, see PAGE_OPEN, kept up to date from the first call
   * on. @returns its address; undefined where the memory is exhausted
   */
  pageTable(): number | undefined {
    if (this.#table === undefined) {
      const size = (this.#limit * WASM_PAGE) / PAGE;
      this.#table = this.allocate(size, { kind: 'mem', name: 'pages', writable: false, contains: () => false });
      for (const [region, open] of this.#open) this.#writeTable(region, open);
    }
    return this.#table?.base;
  }

  #writeTable({ base, reserved }: Region, open: number): void {
    if (this.#table === undefined) return;
    const from = this.#table.base + base / PAGE;
    this.#bytes.fill(open, from, from + reserved / PAGE);
  }

  /** Give a region back; its bytes are zeroed and its addresses belong to nobody. */
  free(region: Region): void {
    const shared = this.#pages[region.base >>> PAGE_BITS]?.shared;
    if (shared !== undefined) return this.#freeShared(region, shared);
    const first = region.base / PAGE;
    const pages = region.reserved / PAGE;
    if (this.#pages[first] !== region) return;
    this.#bytes.fill(0, region.base, region.base + region.reserved);
    this.#pages.fill(undefined, first, first + pages);
    this.#open.delete(region);
    this.#writeTable(region, 0);
    this.#givePages(first, pages + 1);
    this.#used -= region.reserved;
  }

  /** The region that an address lies in. */
  regionAt(address: number): Region | undefined {
    const region = this.#pages[address >>> PAGE_BITS];
    return region?.shared === undefined ? region : region.shared.at(address);
  }

  /** The region in which `size` bytes at `address` are one live object's, or undefined: the access is bad. */
  check(address: number, size: number, write: boolean): Region | undefined {
    const region = this.regionAt(address);
    if (region === undefined || (write && !region.writable)) return undefined;
    const offset = address - region.base;
    if (offset + size > region.size) return undefined;
    if (region.contains !== undefined && !region.contains(offset, size)) return undefined;
    return region;
  }

  #takePages(pages: number): number | undefined {
    for (let i = 0; i < this.#free.length; i++) {
      const run = this.#free[i];
      if (run[1] < pages) continue;
      const first = run[0];
      run[0] += pages;
      run[1] -= pages;
      if (run[1] === 0) this.#free.splice(i, 1);
      return first;
    }
    const first = this.#end;
    if (!this.#growTo((first + pages) * PAGE)) return undefined;
    this.#end += pages;
    while (this.#pages.length < this.#end) this.#pages.push(undefined);
    return first;
  }

  #givePages(first: number, pages: number): void {
    let i = this.#free.findIndex((run) => run[0] > first);
    if (i < 0) i = this.#free.length;
    this.#free.splice(i, 0, [first, pages]);
    if (i + 1 < this.#free.length && first + pages === this.#free[i + 1][0]) {
      this.#free[i][1] += this.#free[i + 1][1];
      this.#free.splice(i + 1, 1);
    }
    if (i > 0 && this.#free[i - 1][0] + this.#free[i - 1][1] === first) {
      this.#free[i - 1][1] += this.#free[i][1];
      this.#free.splice(i, 1);
    }
  }

  #growTo(bytes: number): boolean {
    const have = this.memory.buffer.byteLength;
    if (bytes <= have) return true;
    const need = Math.ceil((bytes - have) / WASM_PAGE);
    // Grow by at least an eighth, so that many small regions do not detach views each time.
    const want = Math.min(Math.max(need, have / WASM_PAGE / 8), this.#limit - have / WASM_PAGE);
    if (want < need) return false;
    try {
      this.memory.grow(Math.floor(want));
    } catch {
      return false;
    }
    this.#refresh();
    return true;
  }
}
