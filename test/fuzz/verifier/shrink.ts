/**
 * Makes a program smaller while something about it stays: instructions go in ever smaller runs, jumps become plain,
 * constants simple, flags, licence and maps go. Deterministic; the result depends only on the program and the question.
 */
import type { ProgramObject } from '../../../src/loader/index.ts';
import { PROG_TYPE } from '../../../src/uapi/index.ts';
import { copy, distanceField, isConditional, item, itemsOf, remove, withItems } from './code.ts';
import type { Item } from './code.ts';

export interface ShrinkOptions {
  /** Most times the question is asked; 4000. */
  readonly limit?: number;
}

/** @param stays whether a smaller program still shows what the first one did; the first one does. */
export function shrink(
  object: ProgramObject,
  stays: (smaller: ProgramObject) => boolean,
  { limit = 4000 }: ShrinkOptions = {},
): ProgramObject {
  return new Shrinker(object, stays, limit).run();
}

const GOTO = 0x05;
const SIMPLER = [0, 1, -1, 2, 8];

class Shrinker {
  #best: ProgramObject;
  #left: number;
  readonly #stays: (smaller: ProgramObject) => boolean;

  constructor(object: ProgramObject, stays: (smaller: ProgramObject) => boolean, limit: number) {
    this.#best = { ...object, runs: [] };
    this.#stays = stays;
    this.#left = limit;
  }

  run(): ProgramObject {
    this.#simplifyHead();
    for (let before = ''; before !== this.#key() && this.#left > 0;) {
      before = this.#key();
      this.#deleteRuns();
      this.#simplifyItems();
    }
    this.#simplifyHead();
    this.#dropMaps();
    return this.#best;
  }

  #key(): string {
    return Buffer.from(this.#best.insns).toString('hex');
  }

  #try(candidate: ProgramObject): boolean {
    if (this.#left-- <= 0 || candidate.insns.length === 0 || !this.#stays(candidate)) return false;
    this.#best = candidate;
    return true;
  }

  #tryItems(change: (items: Item[]) => void): boolean {
    const items = copy(itemsOf(this.#best));
    change(items);
    return this.#try(withItems(this.#best, items));
  }

  /** What is not the program: flags, licence, type. */
  #simplifyHead(): void {
    const { progFlags, license, progType, expectedAttachType, lineInfo, funcInfo } = this.#best;
    const none = new Uint8Array(0);
    if (lineInfo.length) this.#try({ ...this.#best, lineInfo: none });
    if (funcInfo.length) this.#try({ ...this.#best, funcInfo: none, lineInfo: none, progBtf: undefined });
    if (progFlags) this.#try({ ...this.#best, progFlags: 0 });
    if (license !== 'GPL') this.#try({ ...this.#best, license: 'GPL' });
    const plain = { progType: PROG_TYPE.SOCKET_FILTER, expectedAttachType: 0 };
    if (progType !== plain.progType || expectedAttachType) this.#try({ ...this.#best, ...plain });
  }

  #deleteRuns(): void {
    for (let run = Math.ceil(itemsOf(this.#best).length / 2); run >= 1; run = run === 1 ? 0 : Math.ceil(run / 2)) {
      // From the end, so that what was passed over keeps its place.
      for (let at = itemsOf(this.#best).length - run; at >= 0 && this.#left > 0; at -= run) {
        this.#tryItems((items) => remove(items, at, run));
      }
    }
  }

  #simplifyItems(): void {
    for (let at = 0; at < itemsOf(this.#best).length && this.#left > 0; at++) {
      const one = itemsOf(this.#best)[at];
      if (isConditional(one) && one.target) {
        this.#tryItems((items) => (items[at] = this.#replaced(items, at, { ...item(GOTO), target: items[at].target })));
      }
      if (one.map === undefined && distanceField(one) !== 'imm') this.#simplifyNumber(at, 'imm', one.imm);
      if (!distanceField(one)) this.#simplifyNumber(at, 'off', one.off);
      if (one.high && one.map === undefined) this.#tryItems((items) => (items[at].high = 0));
      if (one.target) this.#nearerTarget(at);
    }
  }

  #replaced(items: readonly Item[], at: number, by: Item): Item {
    for (const one of items) if (one.target === items[at]) one.target = by;
    return by;
  }

  #simplifyNumber(at: number, field: 'imm' | 'off', value: number): void {
    if (value === 0) return;
    for (const simple of [...SIMPLER, Math.trunc(value / 2), value - Math.sign(value)]) {
      if (Math.abs(simple) >= Math.abs(value)) continue;
      if (this.#tryItems((items) => (items[at][field] = simple))) return;
    }
  }

  #nearerTarget(at: number): void {
    const items = itemsOf(this.#best);
    const to = items.indexOf(items[at].target as Item);
    if (to > at + 1) this.#tryItems((changed) => (changed[at].target = changed[to - 1]));
  }

  /** Maps that nothing refers to. */
  #dropMaps(): void {
    const { maps, mapRefs } = this.#best;
    const referred = maps.map((_, i) => mapRefs.some(([, map]) => map === i));
    const used = maps.flatMap((_, i) => {
      return referred[i] || maps.some(({ inner }, outer) => inner === i && referred[outer]) ? [i] : [];
    });
    if (used.length === maps.length) return;
    this.#try({
      ...this.#best,
      maps: used.map((i) => ({
        ...maps[i],
        inner: maps[i].inner === undefined ? undefined : used.indexOf(maps[i].inner),
      })),
      mapRefs: mapRefs.map(([slot, map]) => [slot, used.indexOf(map)] as const),
    });
  }
}
