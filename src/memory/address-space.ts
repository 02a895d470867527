/**
 * The one memory of a userspace kernel. An eBPF pointer is its zero-extended address here. Memory is handed out in
 * regions of whole pages; every address belongs to one region or to none, so that a checked access costs one table
 * look-up. Address 0 and the first 64 KiB belong to no region, and so does at least one page between regions. Only small
 * regions of kind `map`, of which programs may touch nothing, share pages.
 * `allocate` may grow the memory, which detaches all views: never keep `bytes` or `view` across it.
 */

/** Granularity of regions, in bytes. */
export const PAGE = 4096;
const WASM_PAGE = 65536;
const GUARD = WASM_PAGE;

/** What compiled programs may do with a page at once; anything else is checked exactly. Bits of the table of pages. */
export const PAGE_OPEN = { READ: 1, WRITE: 2 } as const;

/** Bytes of the pieces of shared pages; what is larger has pages of its own. */
const PIECES: readonly number[] = [128, 256, 512, 640, 768, 1024, 1280, 2048];

/** A page of pieces of one size. */
interface SharedPage {
  readonly page: Region;
  readonly piece: number;
  readonly count: number;
  /** Addresses of those that are free. */
  readonly free: number[];
}

/** Regions of which programs may touch whatever lies on their pages: nothing else does. */
const OPEN_KINDS: ReadonlySet<RegionKind> = new Set(['stack', 'ctx', 'packet']);

export type RegionKind = 'stack' | 'ctx' | 'packet' | 'mem' | 'map' | 'map-value';

/** A live range of memory and what may be done with it. */
export interface Region {
  readonly base: number;
  /** Usable bytes from `base`; an access must lie wholly inside. */
  size: number;
  readonly kind: RegionKind;
  writable: boolean;
  /** Bytes reserved: whole pages, or a piece of one. */
  readonly reserved: number;
  /** Name for messages. */
  readonly name: string;
  /**
   * Finer check for regions made of elements (map values): whether `size` bytes at `offset` lie inside one live
   * element. Absent: the whole range is one object.
   */
  contains?(offset: number, size: number): boolean;
}

export interface AllocateOptions {
  kind: RegionKind;
  name: string;
  writable?: boolean;
  contains?(offset: number, size: number): boolean;
  /** With `contains`: what lies on the pages and is not contained is of no use to anybody, such as padding. */
  padded?: boolean;
}

export class AddressSpace {
  readonly memory: WebAssembly.Memory;
  /** Region of each page, by page number. */
  #pages: (Region | undefined)[] = [];
  /** Regions whose pages are open to programs. */
  readonly #open = new Set<Region>();
  /** Free page runs: [first page, pages], in address order, never adjacent. */
  #free: [number, number][] = [];
  #shared: SharedPage[] = [];
  #end: number;
  #used = 0;
  readonly #limit: number;
  /** The table of pages, once somebody has asked for it. */
  #table: Region | undefined;
  #bytes!: Uint8Array;
  #view!: DataView;

  /** @param limit most bytes the memory may grow to; 4 GiB at most. */
  constructor(limit = 0xffff0000) {
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

  #refresh(): void {
    this.#bytes = new Uint8Array(this.memory.buffer);
    this.#view = new DataView(this.memory.buffer);
  }

  /**
   * A zeroed region of `size` bytes at a page boundary (a small one of kind `map`: at a multiple of 128), or undefined when
   * the memory is exhausted (-ENOMEM).
   */
  allocate(size: number, options: AllocateOptions): Region | undefined {
    const piece = options.kind === 'map' ? PIECES.find((bytes) => size <= bytes) : undefined;
    return piece === undefined ? this.#allocatePages(size, options) : this.#allocatePiece(size, piece, options);
  }

  #allocatePiece(size: number, piece: number, { kind, name }: AllocateOptions): Region | undefined {
    let shared = this.#shared.find((one) => one.piece === piece && one.free.length > 0);
    if (shared === undefined) {
      const nobody = { kind, name: 'maps', writable: false, contains: () => false };
      const page = this.#allocatePages(PAGE, nobody);
      if (page === undefined) return undefined;
      this.#used -= PAGE;
      const count = Math.floor(PAGE / piece);
      const free = Array.from({ length: count }, (_, i) => page.base + (count - i - 1) * piece);
      shared = { page, piece, count, free };
      this.#shared.push(shared);
    }
    this.#used += piece;
    const base = shared.free.pop() as number;
    return { base, size, kind, name, writable: false, reserved: piece, contains: () => false };
  }

  #freePiece(region: Region): void {
    const shared = this.#shared.find(({ page }) => region.base >= page.base && region.base < page.base + PAGE);
    if (shared === undefined || shared.free.includes(region.base)) return;
    this.#bytes.fill(0, region.base, region.base + region.reserved);
    this.#used -= shared.piece;
    if (shared.free.push(region.base) < shared.count) return;
    this.#shared = this.#shared.filter((one) => one !== shared);
    this.#used += PAGE;
    this.free(shared.page);
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
    const uniform = OPEN_KINDS.has(region.kind) || region.contains === undefined || options.padded === true;
    if (uniform) this.#open.add(region);
    this.#writeTable(region, uniform);
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
      for (const region of this.#open) this.#writeTable(region, true);
    }
    return this.#table?.base;
  }

  #writeTable({ base, reserved, writable, kind }: Region, open: boolean): void {
    if (this.#table === undefined) return;
    const writes = writable || OPEN_KINDS.has(kind);
    const value = open ? PAGE_OPEN.READ | (writes ? PAGE_OPEN.WRITE : 0) : 0;
    const from = this.#table.base + base / PAGE;
    this.#bytes.fill(value, from, from + reserved / PAGE);
  }

  /** Give a region back; its bytes are zeroed and its addresses belong to nobody. */
  free(region: Region): void {
    if (region.reserved < PAGE) return this.#freePiece(region);
    const first = region.base / PAGE;
    const pages = region.reserved / PAGE;
    if (this.#pages[first] !== region) return;
    this.#bytes.fill(0, region.base, region.base + region.reserved);
    this.#pages.fill(undefined, first, first + pages);
    this.#open.delete(region);
    this.#writeTable(region, false);
    this.#givePages(first, pages + 1);
    this.#used -= region.reserved;
  }

  /** The region that an address lies in. */
  regionAt(address: number): Region | undefined {
    return this.#pages[address >>> 12];
  }

  /** The region in which `size` bytes at `address` are one live object's, or undefined: the access is bad. */
  check(address: number, size: number, write: boolean): Region | undefined {
    const region = this.#pages[address >>> 12];
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
