/**
 * Instructions in the log. A map prints as an address, which here only has the form of one: it is the same in every run
 * and tells maps apart. Callers who may not see addresses get 0.
 */
import { formatInsn, type FormatOptions } from '../../asm/index.ts';
import type { Context } from '../context.ts';
import { isFunctionReference } from '../subprogs.ts';

const MAPS = 0xffff_8881_0000_0000n;
const VALUES = 0xffff_c900_0000_0000n;
/** Distance of two maps' addresses. */
const STRIDE = 0x1000n;

const formats = new WeakMap<Context, FormatOptions>();

function formatOf(ctx: Context): FormatOptions {
  let format = formats.get(ctx);
  if (!format) {
    format = {
      ldImm64: (insn, _next, index): bigint | undefined => {
        const ref = ctx.aux.mapRefs.get(index);
        if (!ref) return isFunctionReference(insn) ? BigInt(insn.imm >>> 0) : undefined;
        if (!ctx.perfmonCapable) return 0n;
        const place = BigInt(ref.map) * STRIDE;
        return ref.valueOffset === undefined ? MAPS + place : VALUES + place + BigInt(ref.valueOffset);
      },
    };
    formats.set(ctx, format);
  }
  return format;
}

/** `(18) r1 = 0xffff888100000000` */
export function insnText(ctx: Context, index: number): string {
  return formatInsn(ctx.insns, index, formatOf(ctx));
}
