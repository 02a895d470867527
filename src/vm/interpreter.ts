/**
 * The reference engine: a loop over an executable's slots, one case per operation. Every access is checked against live
 * objects; a bad one raises `Trap`. A 64-bit register is a pair of 32-bit words. Registers, stack frames and the
 * position are plain state between instructions, so that a run can be paused, stepped and observed.
 *
 * After a helper call and after a packet load r1-r5 hold POISON: on Linux they are undefined, here no program can come
 * to depend on them. Frames start zeroed.
 */
import { Trap } from '../errors/index.ts';
import type { AddressSpace } from '../memory/index.ts';
import { checkedAddress, guardedLoad } from './access.ts';
import { arsh64, divmod64, keepBytes, lsh64, mul64, rsh64, signedDivmod64, swapBytes } from './arithmetic.ts';
import { atomic32, atomic64 } from './atomic.ts';
import { CallStack } from './call-stack.ts';
import { MAX_TAIL_CALLS, poison } from './conventions.ts';
import type { Calls, Executable } from './executable.ts';
import { REGISTER_WORDS } from './executable.ts';
import type { Now } from './may-goto.ts';
import type { Meter } from './meter.ts';
import { loadFromPacket } from './packet.ts';
import type { Context, TailCalls, World } from './world.ts';

export { MAX_TAIL_CALLS, POISON } from './conventions.ts';
export type { Context, TailCalls, World } from './world.ts';

/** Instructions run between two looks at budget and observer; a small integer in the engine. */
const CHUNK = 1 << 29;

export class Interpreter<Env extends World> {
  readonly env: Env;
  readonly #tailCalls: TailCalls<Env>;
  readonly #space: AddressSpace;
  readonly #stack: CallStack<Env>;
  readonly #now: Now;
  #executable!: Executable<Env>;
  #context: Context | undefined;
  #slot = 0;
  #tailCallCount = 0;
  /** Instructions that may still be granted to the loop. */
  #budget = 0;
  #meter: Meter | undefined;
  /** Instructions until the loop pauses. */
  #untilPause = Infinity;
  #granted = 0;

  /** Called before each instruction, with registers as they are; set it for traces and assertions. */
  observe: ((interpreter: Interpreter<Env>) => void) | undefined;

  constructor(env: Env, tailCalls: TailCalls<Env> = () => undefined) {
    this.env = env;
    this.#tailCalls = tailCalls;
    this.#space = env.space;
    this.#stack = new CallStack(env.space);
    const { clock } = env;
    this.#now = clock && (() => clock.monotonic());
  }

  /** Words of r0-r10, low word first, of the program that runs or ran last; constants follow. */
  get registers(): Int32Array {
    return this.#executable.file;
  }

  /** Slot of the next instruction. */
  get slot(): number {
    return this.#slot;
  }

  /** Calls deep: 0 in the main program. */
  get depth(): number {
    return this.#stack.depth;
  }

  get executable(): Executable<Env> {
    return this.#executable;
  }

  /** Instructions run since `start`, when paused or ended. */
  get executed(): number {
    return this.#granted;
  }

  /**
   * Prepare a run: r1 and r2 as given, everything else 0, r10 the top of a zeroed frame.
   * @param budget instructions that may run before a trap; verified programs end by themselves.
   * @param tailCalls that there have been before, where one of them starts the program; @param slot where it starts
   */
  start(
    executable: Executable<Env>,
    r1: number,
    r2 = 0,
    budget = Infinity,
    context?: Context,
    meter?: Meter,
    tailCalls = 0,
    slot = 0,
  ): void {
    this.#executable = executable;
    this.#context = context;
    this.#slot = slot;
    this.#granted = 0;
    this.#tailCallCount = tailCalls;
    this.#budget = meter === undefined ? budget : 0;
    this.#meter = meter;
    const r = executable.file.fill(0, 0, REGISTER_WORDS);
    r[2] = r1;
    r[4] = r2;
    this.#stack.reset(r);
  }

  /** Run to the end. @param meter instead of a budget. @returns the low word of r0, unsigned. */
  run(executable: Executable<Env>, r1: number, r2 = 0, budget = Infinity, context?: Context, meter?: Meter): number {
    this.start(executable, r1, r2, budget, context, meter);
    this.resume();
    return this.registers[0] >>> 0; // a tail call may have changed the executable
  }

  /** Run at most `count` instructions. @returns whether the program has ended. */
  resume(count = Infinity): boolean {
    this.#untilPause = count;
    return this.#loop();
  }

  /** Run one instruction. @returns whether the program has ended. */
  step(): boolean {
    return this.resume(1);
  }

  /** How many more instructions the loop may run, the next one not counted; -1: pause. */
  #grant(): number {
    if (this.#untilPause === 0) return -1;
    if (this.#budget === 0 && this.#meter !== undefined) this.#budget = this.#meter.grant(this.#slot);
    if (this.#budget === 0) throw new Trap('the instruction budget is used up', this.#slot);
    this.observe?.(this);
    const chunk = Math.min(this.observe === undefined ? CHUNK : 1, this.#budget, this.#untilPause);
    this.#budget -= chunk;
    this.#untilPause -= chunk;
    this.#granted += chunk;
    return chunk - 1;
  }

  /** Leave a function. @returns the slot to go on at. */
  #return(): number {
    const { calls, replaced } = this.#stack;
    const callee = this.#executable;
    const { executable, slot } = this.#stack.leave(callee);
    this.#executable = executable;
    if (calls !== undefined) return this.#nextCall(slot, calls, executable.file[0]);
    // A program that a tail call started has registers of its own.
    if (replaced) poison(executable.file);
    return slot + 1;
  }

  /** `bpf_tail_call(ctx, map, index)`. @returns whether another program goes on, at its first slot, with its context only. */
  #tailCall(slot: number): boolean {
    const r = this.#executable.file;
    const next = this.#tailCalls(r[5] === 0 ? r[4] >>> 0 : 0, r[6] >>> 0, slot);
    if (next === undefined || this.#tailCallCount === MAX_TAIL_CALLS) {
      poison(r);
      return false;
    }
    this.#tailCallCount++;
    this.#executable = next;
    const [low, high] = [r[2], r[3]];
    next.file.fill(0, 0, REGISTER_WORDS);
    next.file[2] = low;
    next.file[3] = high;
    this.#stack.replace(next.file);
    return true;
  }

  /** @returns the slot to go on at */
  #callHelper(slot: number, fn: Executable<Env>['helpers'][number], id: number): number {
    if (fn === undefined) throw new Trap(`call of unknown helper ${id}`, slot);
    const r = this.#executable.file;
    const calls = fn(this.env, r, slot, this.#executable);
    if (calls !== undefined) return this.#nextCall(slot, calls, 0);
    poison(r);
    return slot + 1;
  }

  /** The next call that a helper makes, or where it returns. @returns the slot to go on at */
  #nextCall(slot: number, calls: Calls, returned: number): number {
    const { file: r, functions } = this.#executable;
    if (!functions.has(calls.callback)) throw new Trap(`there is no function at ${calls.callback}`, slot);
    for (let word = 2; word < 12; word++) r[word] = 0;
    if (calls.next(r, returned)) {
      this.#stack.enter(this.#executable, slot, calls);
      return calls.callback;
    }
    poison(r);
    return slot + 1;
  }

  #loop(): boolean {
    const space = this.#space;
    let { view } = space;
    let { op, dst, src, off, imm, file: r, helpers } = this.#executable;
    const context = this.#context;
    const ctxBase = context === undefined ? -1 : context.region.base;
    const ctxSize = context === undefined ? 0 : context.region.size;
    let pc = this.#slot;
    let fuel = 0;
    for (;;) {
      if (--fuel < 0) {
        this.#slot = pc;
        if ((fuel = this.#grant()) < 0) return false;
      }
      const at = pc++;
      const d = dst[at];
      const s = src[at];
      switch (op[at]) {
        // 64-bit arithmetic
        case 0x07: {
          // dst += src
          const low = r[d];
          const sum = (low + r[s]) | 0;
          r[d + 1] += r[s + 1] + (sum >>> 0 < low >>> 0 ? 1 : 0);
          r[d] = sum;
          break;
        }
        case 0x17: {
          // dst -= src
          const low = r[d];
          const operand = r[s];
          r[d + 1] -= r[s + 1] + (low >>> 0 < operand >>> 0 ? 1 : 0);
          r[d] = low - operand;
          break;
        }
        case 0x27: // dst *= src
          mul64(r, d, s);
          break;
        case 0x37: // dst /= src
          divmod64(r, d, s, false);
          break;
        case 0x3f: // dst s/= src
          signedDivmod64(r, d, s, false);
          break;
        case 0x47: // dst |= src
          r[d] |= r[s];
          r[d + 1] |= r[s + 1];
          break;
        case 0x57: // dst &= src
          r[d] &= r[s];
          r[d + 1] &= r[s + 1];
          break;
        case 0x67: // dst <<= src
          lsh64(r, d, s);
          break;
        case 0x77: // dst >>= src
          rsh64(r, d, s);
          break;
        case 0x87: // dst = -dst
          r[d + 1] = -r[d + 1] - (r[d] !== 0 ? 1 : 0);
          r[d] = -r[d];
          break;
        case 0x97: // dst %= src
          divmod64(r, d, s, true);
          break;
        case 0x9f: // dst s%= src
          signedDivmod64(r, d, s, true);
          break;
        case 0xa7: // dst ^= src
          r[d] ^= r[s];
          r[d + 1] ^= r[s + 1];
          break;
        case 0xb7: {
          // dst = src
          const low = r[s];
          r[d + 1] = r[s + 1];
          r[d] = low;
          break;
        }
        case 0xbf: {
          // dst = (s8, s16, s32)src
          const unused = 32 - off[at];
          const low = (r[s] << unused) >> unused;
          r[d] = low;
          r[d + 1] = low >> 31;
          break;
        }
        case 0xc7: // dst s>>= src
          arsh64(r, d, s);
          break;
        case 0xd7: // dst = bswap dst
          swapBytes(r, d, imm[at]);
          break;

        // 32-bit arithmetic; the high word becomes 0
        case 0x04: // w dst += src
          r[d] += r[s];
          r[d + 1] = 0;
          break;
        case 0x14: // w dst -= src
          r[d] -= r[s];
          r[d + 1] = 0;
          break;
        case 0x24: // w dst *= src
          r[d] = Math.imul(r[d], r[s]);
          r[d + 1] = 0;
          break;
        case 0x34: {
          // w dst /= src
          const divisor = r[s] >>> 0;
          r[d] = divisor === 0 ? 0 : (r[d] >>> 0) / divisor;
          r[d + 1] = 0;
          break;
        }
        case 0x3c: {
          // w dst s/= src
          const divisor = r[s];
          r[d] = divisor === 0 ? 0 : r[d] / divisor;
          r[d + 1] = 0;
          break;
        }
        case 0x44: // w dst |= src
          r[d] |= r[s];
          r[d + 1] = 0;
          break;
        case 0x54: // w dst &= src
          r[d] &= r[s];
          r[d + 1] = 0;
          break;
        case 0x64: // w dst <<= src
          r[d] <<= r[s];
          r[d + 1] = 0;
          break;
        case 0x74: // w dst >>= src
          r[d] >>>= r[s];
          r[d + 1] = 0;
          break;
        case 0x84: // w dst = -dst
          r[d] = -r[d];
          r[d + 1] = 0;
          break;
        case 0x94: {
          // w dst %= src
          const divisor = r[s] >>> 0;
          if (divisor !== 0) r[d] = (r[d] >>> 0) % divisor;
          r[d + 1] = 0;
          break;
        }
        case 0x9c: {
          // w dst s%= src
          const divisor = r[s];
          if (divisor !== 0) r[d] %= divisor;
          r[d + 1] = 0;
          break;
        }
        case 0xa4: // w dst ^= src
          r[d] ^= r[s];
          r[d + 1] = 0;
          break;
        case 0xb4: // w dst = src
          r[d] = r[s];
          r[d + 1] = 0;
          break;
        case 0xbc: {
          // w dst = (s8, s16)src
          const unused = 32 - off[at];
          r[d] = (r[s] << unused) >> unused;
          r[d + 1] = 0;
          break;
        }
        case 0xc4: // w dst s>>= src
          r[d] >>= r[s];
          r[d + 1] = 0;
          break;
        case 0xd4: // dst = le dst
          keepBytes(r, d, imm[at]);
          break;
        case 0xdc: // dst = be dst
          swapBytes(r, d, imm[at]);
          break;

        // 64-bit jumps
        case 0x05: // goto
          pc = off[at];
          break;
        case 0x15: // if dst == src
          if (r[d] === r[s] && r[d + 1] === r[s + 1]) pc = off[at];
          break;
        case 0x25: // if dst > src
          if (r[d + 1] === r[s + 1] ? r[d] >>> 0 > r[s] >>> 0 : r[d + 1] >>> 0 > r[s + 1] >>> 0) pc = off[at];
          break;
        case 0x35: // if dst >= src
          if (r[d + 1] === r[s + 1] ? r[d] >>> 0 >= r[s] >>> 0 : r[d + 1] >>> 0 > r[s + 1] >>> 0) pc = off[at];
          break;
        case 0x45: // if dst & src
          if (((r[d] & r[s]) | (r[d + 1] & r[s + 1])) !== 0) pc = off[at];
          break;
        case 0x55: // if dst != src
          if (r[d] !== r[s] || r[d + 1] !== r[s + 1]) pc = off[at];
          break;
        case 0x65: // if dst s> src
          if (r[d + 1] === r[s + 1] ? r[d] >>> 0 > r[s] >>> 0 : r[d + 1] > r[s + 1]) pc = off[at];
          break;
        case 0x75: // if dst s>= src
          if (r[d + 1] === r[s + 1] ? r[d] >>> 0 >= r[s] >>> 0 : r[d + 1] > r[s + 1]) pc = off[at];
          break;
        case 0xa5: // if dst < src
          if (r[d + 1] === r[s + 1] ? r[d] >>> 0 < r[s] >>> 0 : r[d + 1] >>> 0 < r[s + 1] >>> 0) pc = off[at];
          break;
        case 0xb5: // if dst <= src
          if (r[d + 1] === r[s + 1] ? r[d] >>> 0 <= r[s] >>> 0 : r[d + 1] >>> 0 < r[s + 1] >>> 0) pc = off[at];
          break;
        case 0xc5: // if dst s< src
          if (r[d + 1] === r[s + 1] ? r[d] >>> 0 < r[s] >>> 0 : r[d + 1] < r[s + 1]) pc = off[at];
          break;
        case 0xd5: // if dst s<= src
          if (r[d + 1] === r[s + 1] ? r[d] >>> 0 <= r[s] >>> 0 : r[d + 1] < r[s + 1]) pc = off[at];
          break;
        case 0xe5: // may_goto
          if (this.#stack.mayGoto.jumps(this.#now)) pc = off[at];
          break;

        // 32-bit jumps
        case 0x16: // if w dst == src
          if (r[d] === r[s]) pc = off[at];
          break;
        case 0x26: // if w dst > src
          if (r[d] >>> 0 > r[s] >>> 0) pc = off[at];
          break;
        case 0x36: // if w dst >= src
          if (r[d] >>> 0 >= r[s] >>> 0) pc = off[at];
          break;
        case 0x46: // if w dst & src
          if ((r[d] & r[s]) !== 0) pc = off[at];
          break;
        case 0x56: // if w dst != src
          if (r[d] !== r[s]) pc = off[at];
          break;
        case 0x66: // if w dst s> src
          if (r[d] > r[s]) pc = off[at];
          break;
        case 0x76: // if w dst s>= src
          if (r[d] >= r[s]) pc = off[at];
          break;
        case 0xa6: // if w dst < src
          if (r[d] >>> 0 < r[s] >>> 0) pc = off[at];
          break;
        case 0xb6: // if w dst <= src
          if (r[d] >>> 0 <= r[s] >>> 0) pc = off[at];
          break;
        case 0xc6: // if w dst s< src
          if (r[d] < r[s]) pc = off[at];
          break;
        case 0xd6: // if w dst s<= src
          if (r[d] <= r[s]) pc = off[at];
          break;

        // calls
        case 0x85: // call of a helper
          pc = this.#callHelper(at, helpers[at], imm[at]);
          view = space.view;
          break;
        case 0x8d: // call of the helper whose number is in a register
          pc = this.#callHelper(at, r[d + 1] === 0 ? this.#executable.registry(r[d]) : undefined, r[d]);
          view = space.view;
          break;
        case 0x86: // call of a sub-program
          this.#stack.enter(this.#executable, at);
          pc = off[at];
          break;
        case 0x96: // tail call
          if (this.#tailCall(at)) {
            ({ op, dst, src, off, imm, file: r, helpers } = this.#executable);
            pc = 0;
          }
          break;

        // loads
        case 0x18: // dst = imm64, two slots
          r[d] = r[s];
          r[d + 1] = r[s + 1];
          pc++;
          break;
        case 0x61: // dst = *(u32 *)(src + off)
          r[d] = view.getInt32(checkedAddress(space, r[s], r[s + 1], off[at], 4, false, at), true);
          r[d + 1] = 0;
          break;
        case 0x69: {
          // dst = *(u16 *)(src + off)
          let address = checkedAddress(space, r[s], r[s + 1], off[at], 2, false, at);
          if ((address - ctxBase) >>> 0 < ctxSize) address = ctxBase + context!.loadOffset(address - ctxBase, 2);
          r[d] = view.getUint16(address, true);
          r[d + 1] = 0;
          break;
        }
        case 0x71: {
          // dst = *(u8 *)(src + off)
          let address = checkedAddress(space, r[s], r[s + 1], off[at], 1, false, at);
          if ((address - ctxBase) >>> 0 < ctxSize) address = ctxBase + context!.loadOffset(address - ctxBase, 1);
          r[d] = view.getUint8(address);
          r[d + 1] = 0;
          break;
        }
        case 0x79: {
          // dst = *(u64 *)(src + off)
          const address = checkedAddress(space, r[s], r[s + 1], off[at], 8, false, at);
          r[d] = view.getInt32(address, true);
          r[d + 1] = view.getInt32(address + 4, true);
          break;
        }
        case 0x81: {
          // dst = *(s32 *)(src + off)
          const low = view.getInt32(checkedAddress(space, r[s], r[s + 1], off[at], 4, false, at), true);
          r[d] = low;
          r[d + 1] = low >> 31;
          break;
        }
        case 0x89: {
          // dst = *(s16 *)(src + off)
          const low = view.getInt16(checkedAddress(space, r[s], r[s + 1], off[at], 2, false, at), true);
          r[d] = low;
          r[d + 1] = low >> 31;
          break;
        }
        case 0x91: {
          // dst = *(s8 *)(src + off)
          const low = view.getInt8(checkedAddress(space, r[s], r[s + 1], off[at], 1, false, at));
          r[d] = low;
          r[d + 1] = low >> 31;
          break;
        }
        case 0x21: // any of these, or 0 where there is nothing
          guardedLoad(space, r, imm[at], d, s, off[at]);
          break;

        // stores
        case 0x63: {
          // *(u32 *)(dst + off) = src
          const address = checkedAddress(space, r[d], r[d + 1], off[at], 4, true, at);
          view.setInt32(address, r[s], true);
          if ((address - ctxBase) >>> 0 < ctxSize) context!.kept(address - ctxBase, 4);
          break;
        }
        case 0x6b: {
          // *(u16 *)(dst + off) = src
          const address = checkedAddress(space, r[d], r[d + 1], off[at], 2, true, at);
          view.setInt16(address, r[s], true);
          if ((address - ctxBase) >>> 0 < ctxSize) context!.kept(address - ctxBase, 2);
          break;
        }
        case 0x73: {
          // *(u8 *)(dst + off) = src
          const address = checkedAddress(space, r[d], r[d + 1], off[at], 1, true, at);
          view.setInt8(address, r[s]);
          if ((address - ctxBase) >>> 0 < ctxSize) context!.kept(address - ctxBase, 1);
          break;
        }
        case 0x7b: {
          // *(u64 *)(dst + off) = src
          const address = checkedAddress(space, r[d], r[d + 1], off[at], 8, true, at);
          view.setInt32(address, r[s], true);
          view.setInt32(address + 4, r[s + 1], true);
          if ((address - ctxBase) >>> 0 < ctxSize) context!.kept(address - ctxBase, 8);
          break;
        }
        case 0xc3: // atomic, 32 bits
          atomic32(view, checkedAddress(space, r[d], r[d + 1], off[at], 4, true, at), imm[at], r, s);
          break;
        case 0xdb: // atomic, 64 bits
          atomic64(view, checkedAddress(space, r[d], r[d + 1], off[at], 8, true, at), imm[at], r, s);
          break;

        // loads from the packet
        case 0x20: // r0 = *(u32 *)skb[imm]
        case 0x28: // u16
        case 0x30: // u8
        case 0x40: // r0 = *(u32 *)skb[src + imm]
        case 0x48: // u16; 0x50: u8
        case 0x50: {
          const size = (op[at] & 0x18) === 0 ? 4 : (op[at] & 0x18) === 0x08 ? 2 : 1;
          const offset = (imm[at] + (op[at] & 0x40 ? r[s] : 0)) | 0;
          if (loadFromPacket(space, this.env.packet, offset, size, r)) {
            poison(r);
            break;
          }
        }
        // falls through
        case 0x95: // exit
          if (this.#stack.depth === 0) return this.#end(at, fuel);
          pc = this.#return();
          ({ op, dst, src, off, imm, file: r, helpers } = this.#executable);
          view = space.view;
          break;
        default:
          throw new Trap(this.#executable.invalid.get(at) ?? 'the program ran over its end', at);
      }
    }
  }

  #end(slot: number, fuel: number): true {
    this.#slot = slot;
    this.#granted -= fuel;
    this.#meter?.giveBack(this.#budget + fuel);
    this.#budget = 0;
    return true;
  }
}
