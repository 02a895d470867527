/**
 * Timers in map values: what the helpers return. None fires while the program is watched, as when it does is nobody's to
 * compare: it would in a thousand years.
 */
import { MAP_FLAG } from '../../../../src/uapi/index.ts';
import type { Fragment, Generator, MapJson } from '../../verifier/generator.ts';
import { note } from '../note.ts';
import { ARGUMENTS, idOf, mapNamed, mayCall, whileLookedUp } from './held.ts';

const NAMES = ['timer_init', 'timer_set_callback', 'timer_start', 'timer_cancel'];
/** Nanoseconds: a thousand years, and as long as there are. */
const FAR = [0x1c0_0000_0000_0000n, 0x7fff_ffff_ffff_ffffn];
/** No flag, on this CPU, and one that is none; BPF_F_TIMER_ABS is 1. */
const START_FLAGS = [0, 0, 1, 2, 3, 4];
/** CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, and what is none for a timer. */
const CLOCKS = [0, 1, 1, 1, 7, 2, 16];

function timedMap(g: Generator): MapJson & { readonly name: string } {
  const type = g.r.pick(['array', 'hash', 'lru_hash']);
  const shape = {
    key_size: 4,
    value_size: 32,
    max_entries: type === 'lru_hash' ? 256 : 4,
    fields: 'bpf_timer@0,u64@16,u64@24',
  };
  return { type, ...shape, name: 'timed', ...(type === 'hash' && { map_flags: g.r.pick([0, MAP_FLAG.NO_PREALLOC]) }) };
}

/** A function that the timer would call; it returns 0. */
function callback(g: Generator): ReturnType<Generator['e']['label']> {
  const label = g.e.label();
  const write = ({ e }: Generator): void => {
    e.mov(0, 0);
    e.exit();
  };
  g.functions.push({ label, kind: 'callback', args: ['number', 'number', 'number'], level: g.level + 1, write });
  g.needsBtf = true;
  return label;
}

function timer(g: Generator): void {
  const { e, r } = g;
  const map = mapNamed(g, timedMap(g));
  const key = r.below(3);
  if (g.maps[map].type !== 'array' && g.chance(60)) insert(g, map, key);
  whileLookedUp(g, map, key, (value) => {
    const call = (name: string, pass: () => void = () => {}): void => {
      pass();
      e.copy(1, value);
      g.call(idOf(name));
      g.isNumber(0);
      note(g, 0);
    };
    const init = (): void =>
      call('timer_init', () => {
        e.map(2, map);
        e.mov(3, g.chance(85) ? 1 : r.pick(CLOCKS));
      });
    const start = (): void =>
      call('timer_start', () => {
        e.imm64(2, r.pick(FAR));
        e.mov(3, r.pick(START_FLAGS));
      });
    const setCallback = (): void => call('timer_set_callback', () => e.functionAddress(2, callback(g)));
    const cancel = (): void => call('timer_cancel');
    const usual = [init, setCallback, start, cancel];
    for (const step of g.chance(60) ? usual : [0, 1, 2].map(() => r.pick(usual))) if (g.chance(90)) step();
    if (g.chance(50)) e.storeImm(8, value, r.pick([16, 24]), g.imm());
  });
}

/** Put a value there if there is none: its timer is a new one. */
function insert(g: Generator, map: number, key: number): void {
  const { e } = g;
  const off = g.slot(40, 8);
  for (let at = 0; at < 32; at += 8) e.storeImm(8, 10, off + at, at);
  e.storeImm(4, 10, off + 32, key);
  e.copy(2, 10);
  e.add(2, off + 32);
  e.copy(3, 10);
  e.add(3, off);
  e.mov(4, g.r.pick([0, 1, 1, 1]));
  e.map(1, map);
  g.call(idOf('map_update_elem'));
  g.isNumber(0);
}

export const timers: readonly Fragment[] = [
  {
    name: 'timer',
    weight: 2,
    fits: (g) => !(g.busy & ARGUMENTS) && g.functions.length < 8 && mayCall(g, ...NAMES),
    write: timer,
  },
];
