/**
 * Loads and stores over the fields that the kernel keeps in a map's value. Rejects (EACCES): `%s cannot be accessed
 * directly by load/store`, `kptr cannot be accessed indirectly by helper`, `kptr access cannot have variable offset`,
 * `kptr access misaligned expected=%u off=%d`, `kptr access size must be BPF_DW`; of pointers to kernel objects,
 * `store to referenced kptr disallowed`, `invalid kptr access, R%d type=%s expected=…`, `BPF_ST imm must be 0 when
 * storing to kptr at off=%u`, `kptr in map can only be accessed using BPF_MEM instruction mode`.
 */
import type { MapField } from '../../contracts/index.ts';
import { ERRNO } from '../../errors/index.ts';
import { CLASS, MODE } from '../../isa/index.ts';
import { isSleepable } from '../call/sleep.ts';
import type { Env } from '../env.ts';
import { kernelTypes, structId, structName } from '../kernel-types.ts';
import { baseType, MAYBE_NULL, pointer, RCU, REG, type Reg, TRUSTED, typeName, UNTRUSTED } from '../state/reg.ts';
import { checkUnmoved } from './ctx.ts';
import { holdsStruct } from './struct-walk.ts';

/** Whether `size` bytes at `off` through `r` leave the kernel's fields alone. `direct`: by an instruction. */
export function checkFields(env: Env, r: number, off: number, size: number, direct: boolean): number {
  const reg = env.regs[r];
  const { fields } = env.aux.maps[reg.map];
  if (!fields || fields.length === 0) return 0;
  const { store } = env;
  const refuse = (text: string): number => env.fail(ERRNO.EACCES, text);
  for (const field of fields) {
    const first = store.sminN(reg.s) + off;
    const end = store.umaxN(reg.s) + off + size;
    if (first >= field.offset + field.size || field.offset >= end) continue;
    if (field.struct < 0) return refuse(`${field.kind} cannot be accessed directly by load/store`);
    if (!direct) return refuse('kptr cannot be accessed indirectly by helper');
    if (!store.isConst(reg.s)) return refuse('kptr access cannot have variable offset');
    if (first !== field.offset) return refuse(`kptr access misaligned expected=${field.offset} off=${first}`);
    if (size !== 8) return refuse('kptr access size must be BPF_DW');
    return 0;
  }
  return 0;
}

/** The pointer to a kernel object that lies at `off` from the value's start, in an access that `checkFields` let pass. */
export function pointerFieldAt(env: Env, reg: Reg, off: number): MapField | undefined {
  const at = env.store.sminN(reg.s) + off;
  return env.aux.maps[reg.map].fields?.find((field) => field.struct >= 0 && field.offset === at);
}

/** A load into `value`, or a store of it (< 0: of the immediate). @kernel check_map_kptr_access */
export function accessPointerField(env: Env, field: MapField, write: boolean, value: number): number {
  const insn = env.insns[env.insnIdx];
  const refuse = (text: string): number => env.fail(ERRNO.EACCES, text);
  if ((insn.opcode & 0xe0) !== MODE.MEM) {
    return refuse('kptr in map can only be accessed using BPF_MEM instruction mode');
  }
  if (!write) {
    env.regs[value] = pointer(loadedType(env, field), env.store.ZERO, ++env.idGen, field.struct);
    return 0;
  }
  if (field.kind !== 'kptr_untrusted') return refuse('store to referenced kptr disallowed');
  if ((insn.opcode & 7) === CLASS.ST) {
    return insn.imm ? refuse(`BPF_ST imm must be 0 when storing to kptr at off=${field.offset}`) : 0;
  }
  const reg = env.regs[value];
  if (reg.type === REG.SCALAR && reg.s === env.store.ZERO) return 0;
  return checkStored(env, field, value, UNTRUSTED | TRUSTED | RCU);
}

function loadedType(env: Env, field: MapField): number {
  if (field.kind === 'kptr_untrusted') return REG.BTF_ID | MAYBE_NULL | UNTRUSTED;
  return REG.BTF_ID | MAYBE_NULL | (isSleepable(env) ? UNTRUSTED : RCU);
}

/** Whether the pointer is of the field's struct: one that may go may also point to such a struct inside another. */
function isOf(env: Env, reg: Reg, field: MapField): boolean {
  if (reg.map === field.struct && reg.off === 0) return true;
  if (field.kind !== 'kptr_untrusted' || !env.input.kernelBtf?.btf) return false;
  const found = holdsStruct(kernelTypes(env), structId(env, reg.map), reg.off >>> 0, structId(env, field.struct));
  if (found !== true && found) env.log.write(`${found}\n`);
  return found === true;
}

/** Whether what register `r` points to may be kept in the field. `flags`: kinds of trust it may have. */
export function checkStored(env: Env, field: MapField, r: number, flags: number): number {
  const reg = env.regs[r];
  const fits = baseType(reg.type) === REG.BTF_ID && !(reg.type & ~(0xff | MAYBE_NULL | flags));
  const err = fits ? checkUnmoved(env, reg, r, true) : 0;
  if (err) return err;
  if (fits && isOf(env, reg, field)) return 0;
  const name = structName(env, field.struct);
  const given = baseType(reg.type) === REG.BTF_ID ? structName(env, reg.map) : '';
  const or = field.kind === 'kptr_untrusted' ? ` or untrusted_ptr_${name}` : '';
  const text = `invalid kptr access, R${r} type=${typeName(reg.type)}${given} expected=ptr_${name}${or}`;
  return env.fail(ERRNO.EACCES, text);
}
