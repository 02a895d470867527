/**
 * How instructions of 2014 name a map: by its id, where those of today have its descriptor. Both ways are translated:
 * `ld_imm64` with the pseudo source, whose number is replaced; and a constant in r1 where one of the map's functions is called,
 * which is what the patch set's own programs do. There, where r1 is the same number on every way to the call, a load of the
 * map into r1 is put before the call: nothing else can see it, since a call leaves nothing in r1. What is no constant is left
 * to the verifier, which refuses it.
 *
 * Refuses ids that are no map's. Jumps grow over what was inserted; a program with a jump to nowhere gets no insertions, and is
 * refused for that jump.
 */
import { ALU, CALL, CLASS, EXIT, LD_IMM64, MODE } from '../isa/index.ts';
import type { Instruction } from '../isa/index.ts';
import { CALL_PSEUDO, HELPER_NAMES, PSEUDO } from '../uapi/index.ts';

/** Functions whose first argument is a map. */
const MAP_FUNCTIONS = new Set(
  ['map_lookup_elem', 'map_update_elem', 'map_delete_elem'].map((name) => HELPER_NAMES.indexOf(name)),
);

/** Registers that a field of four bits can name. */
const REGISTERS = 16;
/** Anything but one non-negative number. */
const UNKNOWN = -1;
/** r0 to r5. */
const CLOBBERED = 6;

const isMapCall = ({ opcode, src, imm }: Instruction): boolean =>
  opcode === CALL && src === CALL_PSEUDO.HELPER && MAP_FUNCTIONS.has(imm);

const isJump = ({ opcode }: Instruction): boolean => {
  const cls = opcode & 7;
  return (cls === CLASS.JMP || cls === CLASS.JMP32) && opcode !== CALL && opcode !== EXIT;
};

const isMapLoad = ({ opcode, src }: Instruction): boolean => opcode === LD_IMM64 && src === PSEUDO.MAP_FD;

/**
 * The program with descriptors.
 * @param descriptorOf the map of an id; undefined: there is none
 * @returns what is wrong, where an id is no map's
 */
export function translateMapIds(
  insns: readonly Instruction[],
  descriptorOf: (id: number) => number | undefined,
): Instruction[] | string {
  const calls = hasWildJump(insns) ? new Map<number, number>() : constantMaps(insns);
  const out: Instruction[] = [];
  const start: number[] = [];
  for (let at = 0; at < insns.length; at++) {
    const insn = insns[at];
    start.push(out.length);
    const id = isMapLoad(insn) ? insn.imm : calls.get(at);
    const fd = id === undefined ? 0 : descriptorOf(id);
    if (fd === undefined) return `insn ${at}: there is no map ${id}`;
    if (isMapLoad(insn)) out.push({ ...insn, imm: fd });
    else if (id !== undefined) out.push(...loadMap(fd), insn);
    else out.push(insn);
    // The second slot of a load is no instruction.
    if (insn.opcode === LD_IMM64 && ++at < insns.length) {
      start.push(out.length);
      out.push(insns[at]);
    }
  }
  if (calls.size > 0) stretchJumps(insns, out, start);
  return out;
}

function loadMap(fd: number): Instruction[] {
  const low = { opcode: LD_IMM64, dst: 1, src: PSEUDO.MAP_FD, off: 0, imm: fd };
  return [low, { opcode: 0, dst: 0, src: 0, off: 0, imm: 0 }];
}

/** @param start where in `out` each slot of the program begins, with what was put before it */
function stretchJumps(insns: readonly Instruction[], out: Instruction[], start: readonly number[]): void {
  insns.forEach((insn, at) => {
    const second = at > 0 && insns[at - 1].opcode === LD_IMM64;
    if (!second && isJump(insn)) out[start[at]] = { ...insn, off: start[at + 1 + insn.off] - start[at] - 1 };
  });
}

/** Whether a jump leads out of the program, or into the middle of a load. */
function hasWildJump(insns: readonly Instruction[]): boolean {
  return insns.some((insn, at) => {
    const to = at + 1 + insn.off;
    return isJump(insn) && (to < 0 || to >= insns.length || insns[to - 1]?.opcode === LD_IMM64);
  });
}

/** What r1 is at each call of a map's function that has the same constant there on all ways. */
function constantMaps(insns: readonly Instruction[]): ReadonlyMap<number, number> {
  const known = constantsBefore(insns);
  const ids = new Map<number, number>();
  insns.forEach((insn, at) => {
    const id = known[at]?.[1] ?? UNKNOWN;
    if (isMapCall(insn) && id !== UNKNOWN) ids.set(at, id);
  });
  return ids;
}

/** The constants in registers before each instruction; undefined where no way leads. */
function constantsBefore(insns: readonly Instruction[]): (Int32Array | undefined)[] {
  const before = new Array<Int32Array | undefined>(insns.length);
  const after = new Int32Array(REGISTERS);
  const changed: number[] = [];
  const reach = (at: number): void => {
    if (at < insns.length && meet(before, at, after)) changed.push(at);
  };
  after.fill(UNKNOWN);
  reach(0);
  for (let at = changed.pop(); at !== undefined; at = changed.pop()) {
    const insn = insns[at];
    after.set(before[at] ?? []);
    step(insn, insns[at + 1], after);
    if (insn.opcode === EXIT) continue;
    if (isJump(insn)) reach(at + 1 + insn.off);
    if (insn.opcode !== GOTO) reach(at + (insn.opcode === LD_IMM64 ? 2 : 1));
  }
  return before;
}

const GOTO = CLASS.JMP;

/** @returns whether less is known now than before, or anything for the first time */
function meet(before: (Int32Array | undefined)[], at: number, other: Int32Array): boolean {
  const here = before[at];
  if (here === undefined) {
    before[at] = other.slice();
    return true;
  }
  let changed = false;
  for (let r = 0; r < REGISTERS; r++) {
    if (here[r] === UNKNOWN || here[r] === other[r]) continue;
    here[r] = UNKNOWN;
    changed = true;
  }
  return changed;
}

/** What an instruction does to the constants. */
function step(insn: Instruction, next: Instruction | undefined, regs: Int32Array): void {
  const { opcode, dst, src, off, imm } = insn;
  const constant = imm < 0 ? UNKNOWN : imm;
  switch (opcode & 7) {
    case CLASS.ALU:
    case CLASS.ALU64: {
      const isMove = (opcode & 0xf0) === ALU.MOV && off === 0;
      regs[dst] = !isMove ? UNKNOWN : opcode & 8 ? regs[src] : constant;
      return;
    }
    case CLASS.LD:
      if (opcode !== LD_IMM64) regs.fill(UNKNOWN, 0, CLOBBERED);
      else regs[dst] = src === 0 && next?.imm === 0 ? constant : UNKNOWN;
      return;
    case CLASS.LDX:
      regs[dst] = UNKNOWN;
      return;
    case CLASS.STX:
      if ((opcode & 0xe0) !== MODE.MEM) regs[src] = regs[0] = UNKNOWN;
      return;
    default:
      if (opcode === CALL) regs.fill(UNKNOWN, 0, CLOBBERED);
  }
}
