/** Which registers and stack slots of which frame backtracking still looks for (@kernel backtrack_state). */
import type { LinkedReg } from '../state/state.ts';

/** Most frames of a call chain. @kernel MAX_CALL_FRAMES */
const FRAMES = 8;

const NONE: readonly number[] = [];

export class Track {
  /** Frame that the instruction under examination runs in. */
  frame = 0;
  /** Bit r of each frame. */
  readonly regs = new Array<number>(FRAMES).fill(0);
  /** Slots 0-31 and 32-63 of each frame. */
  readonly low = new Array<number>(FRAMES).fill(0);
  readonly high = new Array<number>(FRAMES).fill(0);

  /** Look for nothing, from frame `frame` on. */
  start(frame: number): this {
    this.frame = frame;
    for (let f = 0; f <= frame; f++) this.regs[f] = this.low[f] = this.high[f] = 0;
    return this;
  }

  /** Backwards into a function, through its end. */
  enterFunction(): void {
    this.frame++;
    this.regs[this.frame] = this.low[this.frame] = this.high[this.frame] = 0;
  }

  /** Backwards out of a function, through its call: nothing in it is looked for any more. */
  leaveFunction(): void {
    this.regs[this.frame] = this.low[this.frame] = this.high[this.frame] = 0;
    this.frame--;
  }

  hasReg(r: number, frame = this.frame): boolean {
    return ((this.regs[frame] >>> r) & 1) !== 0;
  }
  setReg(r: number, frame = this.frame): void {
    this.regs[frame] |= 1 << r;
  }
  clearReg(r: number, frame = this.frame): void {
    this.regs[frame] &= ~(1 << r);
  }
  hasSlot(frame: number, slot: number): boolean {
    return ((slot < 32 ? this.low[frame] >>> slot : this.high[frame] >>> (slot - 32)) & 1) !== 0;
  }
  setSlot(frame: number, slot: number): void {
    if (slot < 32) this.low[frame] |= 1 << slot;
    else this.high[frame] |= 1 << (slot - 32);
  }
  clearSlot(frame: number, slot: number): void {
    if (slot < 32) this.low[frame] &= ~(1 << slot);
    else this.high[frame] &= ~(1 << (slot - 32));
  }

  /** Whether nothing is looked for but registers and slots 0-31 of the current frame. */
  get isLocal(): boolean {
    for (let f = 0; f < this.frame; f++) if (this.regs[f] | this.low[f] | this.high[f]) return false;
    return this.high[this.frame] === 0;
  }

  get empty(): boolean {
    for (let f = 0; f <= this.frame; f++) if (this.regs[f] || this.low[f] || this.high[f]) return false;
    return true;
  }

  slots(frame: number): readonly number[] {
    if ((this.low[frame] | this.high[frame]) === 0) return NONE;
    const out: number[] = [];
    for (let i = 0; i < 64; i++) if (this.hasSlot(frame, i)) out.push(i);
    return out;
  }

  /** One of a group that learned together is wanted: so are all. */
  spread(linked: readonly LinkedReg[] | undefined): void {
    if (!linked) return;
    const wanted = linked.some((l) => (l.slot < 0 ? this.hasReg(l.reg, l.frame) : this.hasSlot(l.frame, l.slot)));
    if (!wanted) return;
    for (const l of linked) {
      if (l.slot < 0) this.setReg(l.reg, l.frame);
      else this.setSlot(l.frame, l.slot);
    }
  }

  /** `r2,r3` */
  regText(frame = this.frame): string {
    const out: string[] = [];
    for (let r = 0; r < 11; r++) if (this.hasReg(r, frame)) out.push(`r${r}`);
    return out.join(',');
  }

  /** `-8,-16` */
  slotText(frame = this.frame): string {
    return this.slots(frame)
      .map((i) => -(i + 1) * 8)
      .join(',');
  }
}
