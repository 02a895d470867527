/** Calls of helpers, with arguments of the kinds that their prototypes name, and with others. */
import { helperProto, isHelperAllowed } from '../../../../src/contracts/index.ts';
import type { HelperProto } from '../../../../src/contracts/index.ts';
import { ALU } from '../../../../src/isa/index.ts';
import { HELPER_NAMES } from '../../../../src/uapi/index.ts';
import { FP } from '../emitter.ts';
import type { Fragment, Generator, Surroundings } from '../generator.ts';
import { bytesOnStack } from './maps.ts';

/** Helpers that fragments of their own call. */
const ELSEWHERE = new Set(['map_lookup_elem', 'map_update_elem', 'map_delete_elem']);

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

function passArgs(g: Generator, { args }: HelperProto): void {
  const { e, r } = g;
  let size = r.pick(SIZES);
  args.forEach((kind, i) => {
    const arg = i + 1;
    switch (kind as string) {
      case 'ctx':
        if (g.hasCtx) e.copy(arg, 6);
        else e.mov(arg, 0);
        break;
      case 'mem':
      case 'uninitMem': {
        size = r.pick(SIZES);
        const off = kind === 'mem' ? bytesOnStack(g, size, g.chance(70) ? g.imm() : undefined) : g.slot(64, 8);
        e.copy(arg, FP);
        e.add(arg, off);
        break;
      }
      case 'constSize':
        passSize(g, arg, size, false);
        break;
      case 'constSizeOrZero':
        passSize(g, arg, size, true);
        break;
      default:
        if (g.chance(70)) e.mov(arg, g.imm());
        else e.copy(arg, g.number());
    }
    g.hold(arg);
  });
  if (args.length && g.oops()) e.copy(1 + r.below(args.length), r.pick([0, 1, 2, 6, 7, FP]));
  g.release(1, 2, 3, 4, 5);
}

function call(g: Generator): void {
  const protos = helpersOf(g.around).filter(({ args }) => g.hasCtx || !args.includes('ctx'));
  const outer = g.busy;
  if (!protos.length || outer & 0b111110) return;
  const proto = g.r.pick(protos);
  passArgs(g, proto);
  g.call(g.oops() ? g.r.below(HELPER_NAMES.length + 2) : proto.id);
  if (proto.ret !== 'void') g.isNumber(0);
}

export const helpers: readonly Fragment[] = [
  { name: 'helper', weight: 6, topic: 'helper', write: call },
  {
    name: 'small helper',
    weight: 2,
    topic: 'helper',
    write: (g) => {
      g.call(g.r.pick([5, 7, 8]));
      g.isNumber(0);
    },
  },
];
