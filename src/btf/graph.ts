/**
 * The second walk over a BTF blob: the type graph. Rejected: a type that contains itself (by value, or through nothing
 * but pointers, arrays, qualifiers and prototypes: such a type cannot be written down); nesting deeper than 64; members
 * and variables of a kind that holds no value; members that stick out of their structure; functions without prototype.
 * Afterwards, recursion over containment ends and is shallow.
 */
import { FormatError } from '../errors/index.ts';
import type { BtfWhere } from './btf.ts';
import { KIND, KIND_NAMES } from './types.ts';

const MAX_DEPTH = 64;

/** A set of kinds, indexed by kind. */
const kindSet = (...kinds: number[]) => {
  const set = new Uint8Array(32);
  for (const kind of kinds) set[kind] = 1;
  return set;
};

const MODIFIERS = [KIND.VOLATILE, KIND.CONST, KIND.RESTRICT, KIND.TYPE_TAG];
const MODIFIED = kindSet(...MODIFIERS);
/** Kinds that hold a value of another type. */
const CONTAINS = kindSet(KIND.TYPEDEF, ...MODIFIERS, KIND.ARRAY, KIND.STRUCT, KIND.UNION, KIND.VAR, KIND.DATASEC);
/** Kinds that spell another type out when they are written in C. */
const SPELLS = kindSet(KIND.PTR, ...MODIFIERS, KIND.ARRAY, KIND.FUNC_PROTO);
/** Kinds a member, an element or a variable cannot have. */
const NO_VALUE = kindSet(KIND.VOID, KIND.FWD, KIND.FUNC, KIND.FUNC_PROTO, KIND.VAR, KIND.DATASEC, KIND.DECL_TAG);
/** Kinds that are not types at all: nothing but DATASEC, DECL_TAG and func_info refers to them. */
const NOT_TYPES = kindSet(KIND.FUNC, KIND.VAR, KIND.DATASEC, KIND.DECL_TAG);

const OPEN = 255;

/** A type that the walk is in: its next edge, and the longest way down found so far. */
interface Step {
  readonly id: number;
  readonly kind: number;
  next: number;
  below: number;
}

/** @throws FormatError */
export function checkGraph(view: DataView, offsets: Uint32Array, where: BtfWhere): void {
  const graph = new Graph(view, offsets, where);
  graph.checkReferences();
  graph.checkAcyclic(CONTAINS, 'contains itself');
  graph.checkAcyclic(SPELLS, 'is made of itself');
  graph.checkSizes();
}

class Graph {
  readonly #view: DataView;
  readonly #offsets: Uint32Array;
  readonly #where: BtfWhere;

  constructor(view: DataView, offsets: Uint32Array, where: BtfWhere) {
    this.#view = view;
    this.#offsets = offsets;
    this.#where = where;
  }

  #u32(at: number): number {
    return this.#view.getUint32(at, true);
  }

  #kind(id: number): number {
    return id === 0 ? KIND.VOID : (this.#u32(this.#offsets[id] + 4) >>> 24) & 31;
  }

  #vlen(id: number): number {
    return this.#u32(this.#offsets[id] + 4) & 0xffff;
  }

  #fail(id: number, problem: string): never {
    throw new FormatError(`BTF type ${id} (${KIND_NAMES[this.#kind(id)]}) ${problem}`, {
      ...this.#where,
      offset: this.#offsets[id],
    });
  }

  /** How many types this one refers to; `edge(id, i)` gives each. */
  #degree(id: number, kind: number): number {
    switch (kind) {
      case KIND.STRUCT:
      case KIND.UNION:
      case KIND.DATASEC:
        return this.#vlen(id);
      case KIND.FUNC_PROTO:
        return this.#vlen(id) + 1;
      default:
        return 1;
    }
  }

  #edge(id: number, kind: number, i: number): number {
    const at = this.#offsets[id];
    switch (kind) {
      case KIND.STRUCT:
      case KIND.UNION:
        return this.#u32(at + 16 + i * 12);
      case KIND.DATASEC:
        return this.#u32(at + 12 + i * 12);
      case KIND.FUNC_PROTO:
        return i === 0 ? this.#u32(at + 8) : this.#u32(at + 16 + (i - 1) * 8);
      case KIND.ARRAY:
        return this.#u32(at + 12);
      default:
        return this.#u32(at + 8);
    }
  }

  checkReferences(): void {
    for (let id = 1; id < this.#offsets.length; id++) {
      const kind = this.#kind(id);
      if (kind === KIND.FUNC && this.#kind(this.#edge(id, kind, 0)) !== KIND.FUNC_PROTO)
        this.#fail(id, 'has no prototype');
      if (!CONTAINS[kind] && !SPELLS[kind]) continue;
      for (let i = 0, n = this.#degree(id, kind); i < n; i++) {
        const to = this.#kind(this.#edge(id, kind, i));
        if (kind === KIND.DATASEC ? to !== KIND.VAR && to !== KIND.FUNC : NOT_TYPES[to])
          this.#fail(id, `refers to a ${KIND_NAMES[to]}`);
      }
    }
  }

  /** Depth-first over the edges of `kinds`, without recursion: a hostile chain is as long as the file. */
  checkAcyclic(kinds: Uint8Array, problem: string): void {
    // Of a finished type, how many types the longest way down from it counts; OPEN while the walk is in it.
    const height = new Uint8Array(this.#offsets.length);
    const path: Step[] = [];
    const enter = (id: number): void => {
      // A way that is already this long cannot become shorter.
      if (path.length >= MAX_DEPTH) this.#fail(id, `is nested deeper than ${MAX_DEPTH}`);
      height[id] = OPEN;
      path.push({ id, kind: this.#kind(id), next: 0, below: 0 });
    };
    for (let root = 1; root < this.#offsets.length; root++) {
      if (height[root] !== 0 || !kinds[this.#kind(root)]) continue;
      enter(root);
      for (let step = path.at(-1); step !== undefined; step = path.at(-1)) {
        if (step.next < this.#degree(step.id, step.kind)) {
          const to = this.#edge(step.id, step.kind, step.next);
          if (height[to] === OPEN) this.#fail(to, problem);
          if (height[to] === 0 && kinds[this.#kind(to)]) enter(to);
          else {
            step.below = Math.max(step.below, height[to]);
            step.next++;
          }
          continue;
        }
        if (step.below >= MAX_DEPTH) this.#fail(step.id, `is nested deeper than ${MAX_DEPTH}`);
        height[step.id] = step.below + 1;
        path.pop();
      }
    }
  }

  /** Needs the graph to be acyclic. */
  checkSizes(): void {
    for (let id = 1; id < this.#offsets.length; id++) {
      const kind = this.#kind(id);
      if (kind === KIND.STRUCT || kind === KIND.UNION) this.#checkMembers(id);
      else if (kind === KIND.ARRAY && NO_VALUE[this.#kind(this.#resolve(this.#edge(id, kind, 0)))])
        this.#fail(id, 'has elements without a size');
    }
  }

  #checkMembers(id: number): void {
    const at = this.#offsets[id];
    const bits = this.#u32(at + 8) * 8;
    const flag = this.#u32(at + 4) >>> 31 === 1;
    for (let i = 0, n = this.#vlen(id); i < n; i++) {
      const type = this.#resolve(this.#u32(at + 16 + i * 12));
      if (NO_VALUE[this.#kind(type)]) this.#fail(id, `has member ${i} without a size`);
      const offset = this.#u32(at + 20 + i * 12);
      const fieldBits = flag ? offset >>> 24 : 0;
      if (fieldBits > 128) this.#fail(id, `has a bit field of ${fieldBits} bits`);
      const first = flag ? offset & 0xffffff : offset;
      if (first + (fieldBits || this.#bits(type)) > bits)
        this.#fail(id, `has member ${i} outside its ${bits / 8} bytes`);
      if (fieldBits === 0 && first % 8 && this.#kind(type) !== KIND.INT && this.#kind(type) !== KIND.ENUM)
        this.#fail(id, `has member ${i} at bit ${first}`);
    }
  }

  #resolve(id: number): number {
    for (;;) {
      const kind = this.#kind(id);
      if (kind !== KIND.TYPEDEF && !MODIFIED[kind]) return id;
      id = this.#edge(id, kind, 0);
    }
  }

  /** Bits that a member of a resolved type reads: of an old-style bit field those that count. */
  #bits(id: number): number {
    const word = this.#kind(id) === KIND.INT ? this.#u32(this.#offsets[id] + 12) : 0;
    return word === 0 ? this.#wholeBits(id) : (word & 255) + ((word >>> 16) & 255);
  }

  #wholeBits(id: number): number {
    const at = this.#offsets[id];
    switch (this.#kind(id)) {
      case KIND.PTR:
        return 64;
      case KIND.ARRAY:
        return this.#wholeBits(this.#resolve(this.#u32(at + 12))) * this.#u32(at + 20);
      default:
        return this.#u32(at + 8) * 8;
    }
  }
}
