/** What must be given back: records of ring buffers, sockets, locks in map values. Mistakes forget it or give back twice. */
import { isHelperAllowed } from '../../../../src/contracts/index.ts';
import { HELPER_NAMES, PROG_TYPE } from '../../../../src/uapi/index.ts';
import { FP } from '../emitter.ts';
import type { Fragment, Generator, MapJson } from '../generator.ts';
import { bytesOnStack } from './maps.ts';

const helper = (name: string): number => HELPER_NAMES.indexOf(name);
const mayCall = ({ around, options }: Generator, id: number): boolean =>
  isHelperAllowed(around.progType, around.attachType, id, true) && (options.helpers?.has(id) ?? true);

const RESERVE = helper('ringbuf_reserve');
const RECORD_ENDS = [helper('ringbuf_submit'), helper('ringbuf_discard')];
const SK_LOOKUPS = ['sk_lookup_tcp', 'sk_lookup_udp', 'skc_lookup_tcp'].map(helper);
const SK_CASTS = ['sk_fullsock', 'tcp_sock', 'get_listener_sock', 'skc_to_tcp_sock', 'skc_to_udp6_sock'].map(helper);
const SK_RELEASE = helper('sk_release');
const LOOKUP = helper('map_lookup_elem');
const LOCK = helper('spin_lock');
const UNLOCK = helper('spin_unlock');

/** Hold what r0 has in a register that calls keep, past the null check; `body` may end early. */
function whileHeld(g: Generator, body: (pointer: number) => void): void {
  const { e, r } = g;
  const end = e.label();
  g.hold(0);
  const pointer = g.scratch(true);
  e.copy(pointer, 0);
  if (g.chance(10)) g.block(1);
  g.nullCheck(g.chance(50) ? pointer : 0, end);
  g.release(0);
  g.skippable(end, () => {
    let at = pointer;
    if (g.chance(20)) {
      // Through the stack and back.
      const off = g.slot(8);
      e.store(8, FP, off, pointer);
      if (g.chance(30)) g.block(1);
      at = g.scratch(true);
      e.load(8, at, FP, off);
    }
    body(r.pick([pointer, at]));
    if (at !== pointer) g.release(at);
  });
  g.release(pointer);
}

/** Some other code meanwhile: seldom, as it may leave. */
function meanwhile(g: Generator): void {
  if (g.chance(20)) g.block(1);
}

/** Give back what `pointer` points to: for once not, twice, or at another place. */
function giveBack(g: Generator, id: number, pointer: number): void {
  const { e } = g;
  for (let times = g.oops() ? g.r.pick([0, 2]) : 1; times > 0; times--) {
    e.copy(1, pointer);
    if (g.oops()) e.add(1, g.r.pick([0, 8, -8]));
    e.mov(2, 0);
    g.call(id);
    g.live &= ~1;
  }
}

function record(g: Generator): void {
  const { e, r } = g;
  const map = g.map(
    ({ type }) => type === 'ringbuf',
    () => ({ type: 'ringbuf', key_size: 0, value_size: 0, max_entries: 4096 }),
  );
  const size = r.pick([8, 16, 24, 64]);
  e.map(1, map);
  if (g.oops()) e.copy(2, g.number());
  else e.mov(2, size);
  e.mov(3, 0);
  g.call(RESERVE);
  whileHeld(g, (pointer) => {
    const off = g.oops() ? size - 4 : r.pick([0, size - 8]);
    if (g.chance(60)) e.storeImm(8, pointer, off, g.imm());
    else if (g.chance(50)) e.load(8, g.fresh(), pointer, off);
    else e.store(8, pointer, off, g.number());
    meanwhile(g);
    giveBack(g, r.pick(RECORD_ENDS), pointer);
    if (g.oops()) e.load(8, g.target(), pointer, 0);
  });
}

function socket(g: Generator): void {
  const { e, r } = g;
  const tuple = bytesOnStack(g, 12, g.chance(70) ? 0 : undefined);
  e.copy(1, 6);
  e.copy(2, FP);
  e.add(2, tuple);
  e.mov(3, 12);
  e.mov(4, 0);
  e.mov(5, 0);
  const lookups = SK_LOOKUPS.filter((id) => mayCall(g, id) || g.oops());
  if (!lookups.length) return;
  g.call(r.pick(lookups));
  whileHeld(g, (pointer) => {
    if (g.chance(40)) e.load(4, g.fresh(), pointer, r.pick([4, 4, 8, 20]));
    meanwhile(g);
    const cast = r.pick(SK_CASTS);
    if (g.chance(50) && mayCall(g, cast)) {
      e.copy(1, pointer);
      g.call(cast);
      whileHeld(g, (other) => {
        if (g.chance(50)) e.load(4, g.fresh(), other, 4);
        if (g.oops()) giveBack(g, SK_RELEASE, other);
      });
    }
    giveBack(g, SK_RELEASE, pointer);
    if (g.oops()) e.load(4, g.target(), pointer, 4);
  });
}

/** Types that may call the helper and yet have no locks. */
const LOCKLESS: readonly number[] = [
  PROG_TYPE.SOCKET_FILTER,
  PROG_TYPE.KPROBE,
  PROG_TYPE.TRACEPOINT,
  PROG_TYPE.PERF_EVENT,
  PROG_TYPE.RAW_TRACEPOINT,
  PROG_TYPE.RAW_TRACEPOINT_WRITABLE,
];
const mayLock = (g: Generator): boolean =>
  mayCall(g, LOCK) && (!LOCKLESS.includes(g.around.progType) || g.oops() || g.r.oneIn(20));

const hasLock = ({ fields }: MapJson): boolean => fields?.includes('bpf_spin_lock') ?? false;

function makeLocked(g: Generator): MapJson {
  const at = g.r.pick([0, 4, 8]);
  const fields = `bpf_spin_lock@${at},u64@16`;
  return { type: g.r.pick(['hash', 'array']), key_size: 4, value_size: 24, max_entries: g.r.pick([1, 4]), fields };
}

/** Bytes of a locked map's value before its lock. */
const lockAt = ({ fields = '' }: MapJson): number => Number(/@(\d+)/.exec(fields)?.[1] ?? 0);

function locked(g: Generator): void {
  const { e } = g;
  const map = g.map(hasLock, () => makeLocked(g));
  const key = bytesOnStack(g, 4, g.chance(50) ? g.r.below(3) : undefined);
  e.map(1, map);
  e.copy(2, FP);
  e.add(2, key);
  g.call(LOOKUP);
  const take = (id: number, pointer: number): void => {
    e.copy(1, pointer);
    e.add(1, g.oops() ? 4 : lockAt(g.maps[map]));
    g.call(id);
  };
  whileHeld(g, (pointer) => {
    if (g.chance(20)) e.storeImm(8, pointer, 16, g.imm());
    take(LOCK, pointer);
    g.live &= ~1;
    e.storeImm(8, pointer, g.oops() ? 8 : 16, g.imm());
    if (g.oops()) g.block(1);
    if (!g.oops()) take(UNLOCK, pointer);
    g.live &= ~1;
  });
}

export const acquired: readonly Fragment[] = [
  { name: 'record', weight: 5, topic: 'reference', fits: (g) => mayCall(g, RESERVE), write: record },
  {
    name: 'socket',
    weight: 5,
    topic: 'reference',
    fits: (g) => g.hasCtx && mayCall(g, SK_RELEASE),
    write: socket,
  },
  { name: 'lock', weight: 4, topic: 'lock', fits: mayLock, write: locked },
];
