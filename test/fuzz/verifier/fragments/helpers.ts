/** Calls of helpers, with arguments of the kinds that their prototypes name, and with others. */
import { helperProto, isHelperAllowed } from '../../../../src/contracts/index.ts';
import type { HelperProto } from '../../../../src/contracts/index.ts';
import { ALU, JMP } from '../../../../src/isa/index.ts';
import { HELPER_NAMES } from '../../../../src/uapi/index.ts';
import { FP } from '../emitter.ts';
import type { Fragment, Generator, Surroundings } from '../generator.ts';
import { MAP_KINDS, kindsFor, mapOfKind } from '../map-kinds.ts';
import { bytesOnStack } from './maps.ts';

/** Helpers that fragments of their own call. */
const ELSEWHERE = new Set(['map_lookup_elem', 'map_update_elem', 'map_delete_elem', 'ringbuf_reserve']);

const allowed = new Map<Surroundings, readonly HelperProto[]>();

function helpersOf(around: Surroundings): readonly HelperProto[] {
  let protos = allowed.get(around);
  if (!protos) {
    protos = HELPER_NAMES.flatMap((name, id) => {
      const proto = helperProto(id);
      const fits = proto && !ELSEWHERE.has(name) && isHelperAllowed(around.progType, around.attachType, id, true);
      return fits ? [proto] : [];
    });
    allowed.set(around, protos);
  }
  return protos;
}

const SIZES = [1, 2, 4, 6, 8, 12, 16, 20, 24, 32, 64];

/** Put `size` into a register, exactly or as a number that is at most that. */
function passSize(g: Generator, arg: number, size: number, zeroOk: boolean): void {
  const { e } = g;
  if (g.chance(65)) {
    e.mov(arg, g.oops() ? g.imm() : size);
    return;
  }
  const source = g.number();
  e.copy(arg, source);
  const max = g.oops() ? size + 1 : size;
  const mask = 2 ** Math.floor(Math.log2(max)) - 1;
  e.alu(ALU.AND, arg, mask);
  if (!zeroOk || g.chance(50)) e.alu(g.chance(50) ? ALU.ADD : ALU.OR, arg, 1);
}

/** Memory of `size` bytes on the stack, or now and then in a map's value. */
function passMemory(g: Generator, arg: number, size: number, written: boolean): void {
  const { e } = g;
  const off = written ? bytesOnStack(g, size, g.chance(70) ? g.imm() : undefined) : g.slot(Math.max(8, size), 8);
  e.copy(arg, FP);
  e.add(arg, off);
}

function passArg(g: Generator, proto: HelperProto, i: number, known: { size: number; map: number }): void {
  const { e, r } = g;
  const arg = i + 1;
  const kind = proto.args[i];
  const fixed = proto.sizes[i];
  switch (kind) {
    case 'ctx':
    case 'ctxOrNull':
      if (g.hasCtx && !(kind === 'ctxOrNull' && g.chance(20))) e.copy(arg, 6);
      else e.mov(arg, 0);
      break;
    case 'constMapPtr': {
      const kinds = g.oops() ? MAP_KINDS : kindsFor(proto.id);
      known.map = g.map(
        ({ type }) => kinds.includes(type),
        () => mapOfKind(r.pick(kinds)),
      );
      e.map(arg, known.map);
      break;
    }
    case 'mapKey':
      passMemory(g, arg, g.maps[known.map]?.key_size || 4, true);
      break;
    case 'mapValue':
    case 'mapValueOrNull':
      if (kind === 'mapValueOrNull' && g.chance(30)) e.mov(arg, 0);
      else passMemory(g, arg, g.maps[known.map]?.value_size || 8, true);
      break;
    case 'uninitMapValue':
      passMemory(g, arg, g.maps[known.map]?.value_size || 8, false);
      break;
    case 'memOrNull':
    case 'writeMemOrNull':
      known.size = g.chance(30) ? 0 : r.pick(SIZES);
      if (known.size) passMemory(g, arg, known.size, true);
      else e.mov(arg, 0);
      break;
    case 'mem':
    case 'writeMem':
    case 'uninitMem':
      known.size = r.pick(SIZES);
      passMemory(g, arg, known.size, kind !== 'uninitMem');
      break;
    case 'fixedMem':
    case 'fixedWriteMem':
    case 'fixedUninitMem':
      passMemory(g, arg, fixed, kind !== 'fixedUninitMem');
      break;
    case 'constSize':
      passSize(g, arg, known.size || 8, false);
      break;
    case 'constSizeOrZero':
      if (known.size) passSize(g, arg, known.size, true);
      else e.mov(arg, 0);
      break;
    case 'constAllocSize':
      e.mov(arg, r.pick(SIZES));
      break;
    default:
      if (g.chance(70)) e.mov(arg, g.imm());
      else e.copy(arg, g.number());
  }
  g.hold(arg);
}

function passArgs(g: Generator, proto: HelperProto): void {
  const known = { size: 8, map: 0 };
  proto.args.forEach((_, i) => passArg(g, proto, i, known));
  if (proto.args.length && g.oops()) g.e.copy(1 + g.r.below(proto.args.length), g.r.pick([0, 1, 2, 6, 7, FP]));
  g.release(1, 2, 3, 4, 5);
}

/** Kinds of arguments that other fragments give, or none can. */
const OTHERS: ReadonlySet<string> = new Set([
  'sockCommon',
  'sockOrNull',
  'btfSockCommon',
  'btfId',
  'btfIdOrNull',
  'percpuBtfId',
  'func',
  'ringbufMem',
  'spinLock',
  'timer',
  'kptr',
  'kptrGiven',
  'constStr',
]);

function call(g: Generator): void {
  const { helpers: wanted } = g.options;
  const protos = helpersOf(g.around).filter(({ id, args }) => {
    if (wanted && !wanted.has(id)) return false;
    return (g.hasCtx || !args.includes('ctx')) && (!args.some((kind) => OTHERS.has(kind)) || g.oops());
  });
  const outer = g.busy;
  if (!protos.length || outer & 0b111110) return;
  const proto = g.r.pick(protos);
  passArgs(g, proto);
  g.call(g.oops() ? g.r.below(HELPER_NAMES.length + 2) : proto.id);
  if (proto.ret === 'integer' || proto.ret === 'boundedInteger') g.isNumber(0);
  else if (proto.ret.startsWith('mapValue')) readResult(g, proto.ret);
}

/** A value that a helper found: looked at where it is not null. */
function readResult(g: Generator, ret: string): void {
  const end = g.e.label();
  g.hold(0);
  if (ret.endsWith('OrNull') && !g.oops()) g.e.branch(JMP.JEQ, 0, 0, end);
  g.skippable(end, () => g.e.load(4, g.fresh(), 0, 0));
  g.release(0);
}

export const helpers: readonly Fragment[] = [
  { name: 'helper', weight: 6, topic: 'helper', write: call },
  {
    name: 'small helper',
    weight: 2,
    topic: 'helper',
    fits: (g) => !g.options.helpers,
    write: (g) => {
      g.call(g.r.pick([5, 7, 8]));
      g.isNumber(0);
    },
  },
];
