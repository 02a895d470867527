/** Direct packet access: bounds checks in every direction, variable offsets, helpers that end all packet pointers. */
import { ALU, JMP, MODE } from '../../../../src/isa/index.ts';
import type { Label } from '../emitter.ts';
import { FP } from '../emitter.ts';
import type { Fragment, Generator } from '../generator.ts';

const pointerField = (g: Generator, kind: string) => g.around.pointers.find(({ pointer }) => pointer === kind);

const hasPacket = (g: Generator): boolean => g.hasCtx && !!pointerField(g, 'pkt') && !!pointerField(g, 'pkt_end');

/** Go to `short` unless `ptr` (the end of what is needed) lies within the packet; `end` is its end. */
function checkEnd(g: Generator, ptr: number, end: number, short: Label): void {
  const { e, r } = g;
  if (g.oops()) return;
  const strict = g.oops();
  const inside = e.label();
  switch (r.below(8)) {
    case 0:
    case 1:
    case 2:
      e.branchX(JMP.JGT, ptr, end, short);
      break;
    case 3:
      e.branchX(strict ? JMP.JLE : JMP.JLT, end, ptr, short);
      break;
    case 4:
      e.branchX(JMP.JLE, ptr, end, inside);
      e.jump(short);
      e.bind(inside);
      break;
    case 5:
      e.branchX(strict ? JMP.JGT : JMP.JGE, end, ptr, inside);
      e.jump(short);
      e.bind(inside);
      break;
    case 6:
      e.branchX(JMP.JGE, ptr, end, short);
      break;
    default:
      if (g.oops()) e.branchX(r.pick([JMP.JEQ, JMP.JLT, JMP.JSGT, JMP.JGT]), ptr, end, short, g.chance(80));
      else e.branchX(JMP.JGT, ptr, end, short);
  }
}

const LENGTHS = [1, 2, 4, 8, 14, 20, 34, 64];

/** Loads and stores of the `length` checked bytes at `ptr`. */
function use(g: Generator, ptr: number, length: number): void {
  const { e, r } = g;
  const size = r.pick([1, 1, 2, 4, 8].filter((bytes) => bytes <= length));
  const off = g.oops()
    ? r.pick([length, -1, length - size + 1])
    : r.pick([0, length - size, r.below(length - size + 1)]);
  const kind = r.below(100);
  if (kind < 65) {
    const dst = g.target();
    e.load(size, dst, ptr, off, size < 8 && g.chance(15) ? MODE.MEMSX : MODE.MEM);
    g.isNumber(dst);
  } else if (kind < 82) e.store(size, ptr, off, g.number());
  else if (kind < 88) e.storeImm(size, ptr, off, g.imm());
  else if (kind < 91) e.atomic(r.pick([4, 8]), r.pick([0, 0x40, 1]), ptr, off, g.number());
  else {
    // The packet's bytes as what a helper reads.
    const map = g.map(
      ({ type, key_size }) => type === 'hash' && key_size <= 8,
      () => ({ type: 'hash', key_size: r.pick([4, 8]), value_size: 8, max_entries: 4 }),
    );
    e.copy(2, ptr);
    e.map(1, map);
    if (length >= g.maps[map].key_size || g.oops()) g.call(1);
  }
}

function access(g: Generator): void {
  const { e, r } = g;
  const meta = g.chance(10) && pointerField(g, 'pkt_meta');
  const data = meta || pointerField(g, 'pkt');
  const dataEnd = meta ? pointerField(g, 'pkt') : pointerField(g, 'pkt_end');
  if (!data || !dataEnd) return;
  const ptr = g.scratch(true);
  const end = g.scratch(g.chance(30));
  e.load(data.size, ptr, 6, data.off);
  e.load(dataEnd.size, end, 6, dataEnd.off);
  const short = e.label();
  g.skippable(short, () => {
    if (g.chance(35)) {
      const index = g.number();
      g.bound(index, r.pick([15, 63, 255, 1023, 0xffff]), short);
      if (g.chance(20)) e.alu(ALU.LSH, index, 2);
      e.aluX(ALU.ADD, ptr, index);
    }
    if (g.chance(20)) e.add(ptr, r.below(32));
    const length = r.pick(LENGTHS);
    const probe = g.scratch();
    e.copy(probe, ptr);
    e.add(probe, length);
    checkEnd(g, probe, end, short);
    g.release(probe);
    if (g.chance(25)) g.block(1);
    if (g.chance(15)) {
      const off = g.slot(8);
      e.store(8, FP, off, ptr);
      g.block(1);
      e.load(8, ptr, FP, off);
    }
    for (let i = 1 + r.below(2); i > 0; i--) use(g, g.chance(10) ? probe : ptr, length);
    if (g.chance(15)) {
      // A second header behind the first.
      e.add(ptr, length);
      e.copy(probe, ptr);
      e.add(probe, 8);
      checkEnd(g, probe, end, short);
      use(g, ptr, 8);
    }
  });
  g.release(ptr, end);
}

/** Bytes one by one, each with its check. */
function walkPacket(g: Generator): void {
  const { e, r } = g;
  const data = pointerField(g, 'pkt');
  const dataEnd = pointerField(g, 'pkt_end');
  if (!data || !dataEnd) return;
  const ptr = g.scratch(true);
  const end = g.scratch(true);
  const counter = g.scratch(true);
  const head = e.label();
  const short = e.label();
  e.load(data.size, ptr, 6, data.off);
  e.load(dataEnd.size, end, 6, dataEnd.off);
  e.mov(counter, 0);
  g.skippable(short, () => {
    e.bind(head);
    const probe = g.scratch();
    e.copy(probe, ptr);
    e.add(probe, 1);
    checkEnd(g, probe, end, short);
    e.load(1, probe, ptr, 0);
    g.release(probe);
    e.add(ptr, 1);
    e.add(counter, 1);
    e.branch(JMP.JLT, counter, 2 + r.below(20), head);
  });
  g.release(ptr, end, counter);
}

/** Arithmetic between packet pointers. */
function difference(g: Generator): void {
  const { e, r } = g;
  const data = pointerField(g, 'pkt');
  const dataEnd = pointerField(g, 'pkt_end');
  if (!data || !dataEnd) return;
  const ptr = g.scratch();
  const end = g.target();
  e.load(data.size, ptr, 6, data.off);
  e.load(dataEnd.size, end, 6, dataEnd.off);
  if (g.chance(80)) e.aluX(ALU.SUB, end, ptr, g.chance(90));
  else e.alu(r.pick([ALU.ADD, ALU.SUB, ALU.AND]), g.chance(50) ? end : ptr, g.imm());
  g.isNumber(end);
  g.release(ptr);
}

export const packet: readonly Fragment[] = [
  { name: 'packet access', weight: 9, topic: 'packet', fits: hasPacket, write: access },
  { name: 'packet loop', weight: 1, topic: 'loop', fits: (g) => hasPacket(g) && g.depth < 3, write: walkPacket },
  { name: 'packet length', weight: 1, topic: 'packet', fits: hasPacket, write: difference },
];
