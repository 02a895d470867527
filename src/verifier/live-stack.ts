/** Which stack slots are read later. Stand-in until the data flow lands: every slot is. */
import type { Context } from './context.ts';
export class LiveStack {
  constructor(_ctx: Context) {}
  beginVisit(_insn: number): void {}
  recordRead(_frame: number, _slot: number): void {}
  recordWrite(_frame: number, _slot: number): void {}
  endVisit(): void {}
  update(): void {}
  isLive(_insn: number, _frame: number, _slot: number): boolean {
    return true;
  }
}
