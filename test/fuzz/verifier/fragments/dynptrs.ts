/**
 * Dynptrs over values of maps and records of ring buffers, and in callbacks and functions that are given one. Mistakes write
 * over them, leave them, give them back twice, or aim beside them.
 */
import { isHelperAllowed } from '../../../../src/contracts/index.ts';
import { HELPER_NAMES } from '../../../../src/uapi/index.ts';
import { FP } from '../emitter.ts';
import type { Fragment, Generator } from '../generator.ts';
import { bytesOnStack } from './maps.ts';

const helper = (name: string): number => HELPER_NAMES.indexOf(name);
const mayCall = ({ around }: Generator, id: number): boolean =>
  isHelperAllowed(around.progType, around.attachType, id, true);

const FROM_MEM = helper('dynptr_from_mem');
const RESERVE = helper('ringbuf_reserve_dynptr');
const ENDS = [helper('ringbuf_submit_dynptr'), helper('ringbuf_discard_dynptr')];
const READ = helper('dynptr_read');
const WRITE = helper('dynptr_write');
const DATA = helper('dynptr_data');

/** Put what a dynptr is reached by into register `arg`. */
type Point = (arg: number) => void;

/** Read through a dynptr, write through it, or look into it. */
export function useDynptr(g: Generator, point: Point): void {
  const { e, r } = g;
  const offset = (arg: number): void => {
    if (g.chance(70)) e.mov(arg, r.pick([0, 0, 4, 60]));
    else e.copy(arg, g.number());
    g.hold(arg);
  };
  const kind = r.below(3);
  if (kind === 0) {
    const size = r.pick([1, 4, 8, 16]);
    const to = g.slot(16, 8);
    offset(4);
    e.copy(1, FP);
    e.add(1, to);
    e.mov(2, size);
    point(3);
    e.mov(5, 0);
    g.release(4);
    g.call(READ);
  } else if (kind === 1) {
    const from = bytesOnStack(g, 8, g.chance(50) ? 0 : undefined);
    offset(2);
    point(1);
    e.copy(3, FP);
    e.add(3, from);
    e.mov(4, r.pick([8, 4, 1, 0]));
    e.mov(5, 0);
    g.release(2);
    g.call(WRITE);
  } else {
    look(g, point, offset);
    return;
  }
  g.isNumber(0);
}

function look(g: Generator, point: Point, offset: (arg: number) => void): void {
  const { e, r } = g;
  const size = r.pick([4, 8, 16]);
  const end = e.label();
  offset(2);
  point(1);
  if (g.oops()) e.copy(3, 2);
  else e.mov(3, size);
  g.release(2);
  g.call(DATA);
  g.live &= ~1;
  g.hold(0);
  const slice = g.scratch(true);
  e.copy(slice, 0);
  g.nullCheck(slice, end);
  g.release(0);
  g.skippable(end, () => {
    if (g.chance(15)) g.block(1);
    const off = g.oops() ? size : r.pick([0, size - 4]);
    if (g.chance(50)) e.load(4, g.fresh(), slice, off);
    else e.storeImm(4, slice, off, g.imm());
  });
  g.release(slice);
}

function dynptr(g: Generator): void {
  const { e, r } = g;
  const isRecord = mayCall(g, RESERVE) && g.chance(50);
  const place = g.slot(16, 8);
  const point: Point = (arg) => {
    e.copy(arg, FP);
    e.add(arg, g.oops() ? place + r.pick([8, -8, 4]) : place);
  };
  const kinds = isRecord ? ['ringbuf'] : ['array'];
  const map = g.map(
    ({ type, max_entries, map_flags }) => kinds.includes(type) && (isRecord || (max_entries === 1 && !map_flags)),
    () =>
      isRecord
        ? { type: 'ringbuf', key_size: 0, value_size: 0, max_entries: 4096 }
        : { type: 'array', key_size: 4, value_size: 64, max_entries: 1 },
  );
  if (isRecord) e.map(1, map);
  else e.map(1, map, 0);
  e.mov(2, g.oops() ? 65 : Math.min(64, g.maps[map].value_size || 64));
  e.mov(3, 0);
  point(4);
  g.call(isRecord ? RESERVE : FROM_MEM);
  g.isNumber(0);
  for (let uses = r.below(3); uses > 0; uses--) useDynptr(g, point);
  if (g.chance(15)) g.block(1);
  if (g.oops()) e.storeImm(r.pick([1, 4, 8]), FP, place + 8 * r.below(2), g.imm());
  if (!isRecord && !g.oops()) return;
  for (let times = g.oops() ? r.pick([0, 2]) : 1; times > 0; times--) {
    point(1);
    e.mov(2, 0);
    g.call(r.pick(ENDS));
    g.isNothing(0);
  }
}

export const dynptrs: readonly Fragment[] = [
  { name: 'dynptr', weight: 4, topic: 'dynptr', fits: (g) => mayCall(g, FROM_MEM), write: dynptr },
];
