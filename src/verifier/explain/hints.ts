/** Facts that a remedy names: fields of the context, program types that may call a helper. */
import { ctxAccess, isHelperAllowed, PROG_TYPE_RULES, SK_BUFF, XDP_MD, type CtxStruct } from '../../contracts/index.ts';
import { CLASS, type Instruction } from '../../isa/index.ts';
import { PROG_TYPE, PROG_TYPE_NAMES } from '../../uapi/index.ts';

/** The struct that programs of a type see as their context, where its fields are known. */
function ctxStruct(progType: number): CtxStruct | undefined {
  if (progType === PROG_TYPE.XDP) return XDP_MD;
  return SKB_TYPES.has(progType) ? SK_BUFF : undefined;
}

const SKB_TYPES = new Set<number>([
  PROG_TYPE.SOCKET_FILTER,
  PROG_TYPE.SCHED_CLS,
  PROG_TYPE.SCHED_ACT,
  PROG_TYPE.CGROUP_SKB,
  PROG_TYPE.LWT_IN,
  PROG_TYPE.LWT_OUT,
  PROG_TYPE.LWT_XMIT,
  PROG_TYPE.LWT_SEG6LOCAL,
  PROG_TYPE.SK_SKB,
  PROG_TYPE.FLOW_DISSECTOR,
]);

export const typeName = (progType: number): string => PROG_TYPE_NAMES[progType] ?? `type ${progType}`;

/** What is wrong with an access to the context, and what is near that would do. */
export function ctxHint(progType: number, attachType: number, off: number, size: number, insn: Instruction): string {
  const rules = ctxAccess(progType, attachType);
  const write = [CLASS.ST, CLASS.STX].some((cls) => (insn.opcode & 7) === cls);
  const verb = write ? 'store' : 'load';
  const may = (at: number, bytes: number): boolean =>
    (write ? rules?.canWrite(at, bytes) : rules?.canRead(at, bytes)) ?? false;
  const sizesAt = (at: number): number[] => [1, 2, 4, 8].filter((bytes) => may(at, bytes));
  const struct = ctxStruct(progType);
  const field = struct?.fields.find((one) => off >= one.offset && off < one.offset + one.size);
  const where =
    field && struct && `bytes ${off} to ${off + size - 1} are in \`${field.name}\` of struct ${struct.name}`;
  const sizes = sizesAt(off);
  if (sizes.length) return `${verb} ${sizes.join(', ')} bytes here, not ${size}${where ? `: ${where}` : ''}`;
  if (field && write && rules?.canRead(field.offset, Math.min(field.size, 8))) {
    return `${where}, which programs of type ${typeName(progType)} may load but not store`;
  }
  if (field) {
    const inside = sizesAt(field.offset);
    if (off !== field.offset && inside.length) {
      return `${where}: ${verb} it at offset ${field.offset} with ${inside.join(', ')} bytes`;
    }
    return `${where}, which programs of type ${typeName(progType)} may not ${verb}`;
  }
  const length = struct && ` (struct ${struct.name} has ${struct.size} bytes)`;
  return `nothing may be ${write ? 'stored' : 'loaded'} at offset ${off} of the context of a ${typeName(progType)} program${length ?? ''}`;
}

const NAMES_SHOWN = 6;

/** The program types that may call a helper. */
export function typesThatMayCall(id: number): string {
  const types = Object.entries(PROG_TYPE_RULES)
    .filter(([type, rules]) =>
      (rules.attachTypes ?? [0]).some((attach) => isHelperAllowed(Number(type), attach, id, true)),
    )
    .map(([type]) => typeName(Number(type)));
  if (types.length === 0) return 'no program type may call it';
  const rest = types.length - NAMES_SHOWN;
  const names = types.slice(0, NAMES_SHOWN).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
  return `it is there for programs of type ${names}`;
}
