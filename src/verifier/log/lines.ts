/** Source lines. Stand-in until line info lands. */
import type { Context } from '../context.ts';
export function printLine(_ctx: Context, _insn: number, _prefix: string): void {}
