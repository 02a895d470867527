/**
 * `bpf_timer`s in values of maps. A timer is a number in its field of the value, so that whatever overwrites or clears the
 * field (deleting, replacing or evicting the element) ends it; what there is of a timer is here. Callbacks run when the
 * owner of the kernel says so (`run`), each as a run of its own, in the order of their times, on the engine of their program.
 *
 * Errors as Linux 6.18 answers them, see src/helpers/timer.ts.
 */
import { ERRNO, InternalError } from '../errors/index.ts';
import type { HelperEnv, Timers } from '../helpers/index.ts';
import type { BpfMap } from '../maps/index.ts';
import { HASH_ELEM, MAP_HEADER, padded } from '../memory/index.ts';
import type { Region } from '../memory/index.ts';
import { MAP_TYPE } from '../uapi/index.ts';
import type { Executable } from '../vm/index.ts';
import type { Cpu, ProgramImage } from './api.ts';
import { imageOf } from './images.ts';
import { runCallback } from './run.ts';

/** Flags of `bpf_timer_init`: what the times of the timer count from. @kernel CLOCK_* */
const CLOCK = { REALTIME: 0, MONOTONIC: 1, BOOTTIME: 7 } as const;
const CLOCKS: readonly number[] = Object.values(CLOCK);
/** Flags of `bpf_timer_start`. @kernel BPF_F_TIMER_ABS, BPF_F_TIMER_CPU_PIN */
const ABSOLUTE = 1;
const CPU_PIN = 2;
/** TAI is ahead of real time by so many nanoseconds. */
const TAI_OFFSET = 37e9;
/** Timers that are kept before those whose elements are gone are looked for. */
const FEW = 64;

interface Callback {
  readonly image: ProgramImage;
  /** First slot of the function. */
  readonly entry: number;
}

interface Timer {
  readonly id: number;
  readonly map: BpfMap;
  /** Address of the field. */
  readonly field: number;
  readonly clock: number;
  callback: Callback | undefined;
  /** When it is due: nanoseconds of the monotonic clock; Infinity: it is not started. */
  expires: number;
  /** Which of several that are due at the same time was started first. */
  order: number;
}

export class TimerQueue implements Timers {
  readonly #cpu: () => Cpu;
  readonly #timers = new Map<number, Timer>();
  #lastId = 0;
  #lastOrder = 0;
  /** Whose callback runs. */
  #running: Timer | undefined;
  /** Keys: of an element that is looked for, and of the one whose callback runs, which may look for others. */
  readonly #keys: { look: Region | undefined; run: Region | undefined } = { look: undefined, run: undefined };
  #sweepAt = FEW;

  constructor(cpu: () => Cpu) {
    this.#cpu = cpu;
  }

  init(field: number, map: BpfMap, flags: number): number {
    if (!CLOCKS.includes(flags)) return -ERRNO.EINVAL;
    if (this.#at(field) !== undefined) return -ERRNO.EBUSY;
    if (!map.hasUsers) return -ERRNO.EPERM;
    this.#sweep();
    const id = (this.#lastId % 0xffffffff) + 1;
    this.#lastId = id;
    this.#timers.set(id, { id, map, field, clock: flags, callback: undefined, expires: Infinity, order: 0 });
    this.#view.setUint32(field, id, true);
    return 0;
  }

  setCallback(field: number, program: Executable<HelperEnv>, entry: number): number {
    const timer = this.#at(field);
    if (timer === undefined) return -ERRNO.EINVAL;
    if (!timer.map.hasUsers) return -ERRNO.EPERM;
    const image = imageOf(program);
    if (image === undefined) throw new InternalError('a program that nobody loaded sets a callback');
    image.owner?.hold();
    timer.callback?.image.owner?.drop();
    timer.callback = { image, entry };
    return 0;
  }

  start(field: number, nanoseconds: number, flags: number): number {
    if (flags > (ABSOLUTE | CPU_PIN)) return -ERRNO.EINVAL;
    const timer = this.#at(field);
    if (timer?.callback === undefined) return -ERRNO.EINVAL;
    const { clock, armed } = this.#cpu().host;
    const past = flags & ABSOLUTE ? this.#now(timer.clock) : 0;
    timer.expires = clock.monotonic() + Math.max(0, nanoseconds - past);
    timer.order = ++this.#lastOrder;
    armed?.(timer.expires);
    return 0;
  }

  cancel(field: number): number {
    const timer = this.#at(field);
    if (timer === undefined) return -ERRNO.EINVAL;
    if (timer === this.#running) return -ERRNO.EDEADLK;
    const was = timer.expires !== Infinity;
    timer.expires = Infinity;
    this.#letGo(timer);
    return Number(was);
  }

  /** When the next timer is due: nanoseconds of the monotonic clock; Infinity: none is started. */
  get next(): number {
    let next = Infinity;
    for (const timer of this.#timers.values()) if (timer.expires < next && this.#isLive(timer)) next = timer.expires;
    return next;
  }

  /**
   * Run the callbacks of timers that are due at `now`, but not those that are started meanwhile.
   * @param fuel instructions that each may take
   * @returns how many ran
   */
  run(now: number, fuel?: number): number {
    const last = this.#lastOrder;
    const due = [...this.#timers.values()].filter(({ expires }) => expires !== Infinity && expires <= now);
    due.sort((a, b) => a.expires - b.expires || a.order - b.order);
    let count = 0;
    for (const timer of due) {
      if (timer.expires === Infinity || timer.expires > now || timer.order > last || !this.#isLive(timer)) continue;
      this.#fire(timer, fuel);
      count++;
    }
    return count;
  }

  /** User space has closed its last descriptor of a map: its timers end. */
  mapReleased(map: BpfMap): void {
    for (const timer of [...this.#timers.values()]) if (timer.map === map) this.#end(timer);
  }

  get #view(): DataView {
    return this.#cpu().host.space.view;
  }

  /** Now, by the clock that a timer was made for. */
  #now(clock: number): number {
    const { clock: clocks } = this.#cpu().host;
    if (clock === CLOCK.REALTIME) return clocks.tai() - TAI_OFFSET;
    return clock === CLOCK.BOOTTIME ? clocks.boottime() : clocks.monotonic();
  }

  #at(field: number): Timer | undefined {
    const timer = this.#timers.get(this.#view.getUint32(field, true));
    return timer?.field === field ? timer : undefined;
  }

  #fire(timer: Timer, fuel: number | undefined): void {
    const { callback, map } = timer;
    timer.expires = Infinity;
    if (callback === undefined) return;
    const cpu = this.#cpu();
    const key = this.#keyOf(timer, 'run');
    // The callback may replace itself, and be all that holds its program.
    callback.image.owner?.hold();
    this.#running = timer;
    try {
      runCallback(cpu, callback.image, callback.entry, [map.address, key, valueOf(timer)], fuel);
    } finally {
      this.#running = undefined;
      callback.image.owner?.drop();
    }
  }

  /** The key of a timer's element where its callback may read it: a number for arrays. */
  #keyOf({ map, field }: Timer, use: 'look' | 'run'): number {
    const { space } = this.#cpu().host;
    const { keySize, type } = map.info;
    const before = this.#keys[use];
    if (before !== undefined && before.reserved < keySize) space.free(before);
    const place =
      before !== undefined && before.reserved >= keySize
        ? before
        : space.allocate(keySize, { kind: 'mem', name: 'key of a timer', writable: false });
    this.#keys[use] = place;
    if (place === undefined) throw new InternalError('no memory for a key');
    place.size = keySize;
    const { base } = place;
    const value = valueOf({ map, field });
    if (type === MAP_TYPE.ARRAY) {
      const first = map.values?.address ?? 0;
      space.view.setUint32(base, Math.floor((value - first) / padded(map.info.valueSize)), true);
    } else {
      const from = value - space.view.getUint32(map.address + MAP_HEADER.VALUE_OFFSET, true) + HASH_ELEM.KEY;
      space.bytes.copyWithin(base, from, from + keySize);
    }
    return base;
  }

  /** Whether the timer's element is still in its map: an LRU hash may have taken it for another. */
  #isLive(timer: Timer): boolean {
    const { map, field, id } = timer;
    const { host } = this.#cpu();
    if (host.mapAt(map.address) !== map || this.#view.getUint32(field, true) !== id) return false;
    if (map.info.type === MAP_TYPE.ARRAY) return true;
    return (map.findElem ?? map.lookupElem).call(map, this.#keyOf(timer, 'look'), 0) === valueOf(timer);
  }

  #letGo(timer: Timer): void {
    timer.callback?.image.owner?.drop();
    timer.callback = undefined;
  }

  #end(timer: Timer): void {
    const { host } = this.#cpu();
    if (host.mapAt(timer.map.address) === timer.map && this.#at(timer.field) === timer) {
      this.#view.setUint32(timer.field, 0, true);
    }
    this.#timers.delete(timer.id);
    this.#letGo(timer);
  }

  /** Forget timers whose elements are gone, when there are twice as many as after the last time. */
  #sweep(): void {
    if (this.#timers.size < this.#sweepAt) return;
    for (const timer of [...this.#timers.values()]) if (!this.#isLive(timer)) this.#end(timer);
    this.#sweepAt = Math.max(FEW, 2 * this.#timers.size);
  }
}

/** Address of the value that a timer is in: fields lie at the same place of each value. */
function valueOf({ map, field }: Pick<Timer, 'map' | 'field'>): number {
  return field - (map.timerOffset ?? 0);
}
