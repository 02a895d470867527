/**
 * What programs are attached to by the ids of the kernel's types: found by the names in their sections, as libbpf finds it
 * (docs.kernel.org bpf/libbpf/program_types.html), and for functions in structs by the variable that names them.
 */
import { type Btf, type BtfComposite, type BtfVar, KIND, type KernelBtf } from '../btf/index.ts';
import type { ElfSection } from '../elf/index.ts';
import { BpfError, ERRNO, UnsupportedError } from '../errors/index.ts';
import { ATTACH_TYPE, PROG_TYPE } from '../uapi/index.ts';
import type { ObjectFile } from './object.ts';
import type { CollectionSpec, ProgramSpec } from './spec.ts';

/** @kernel attach_btf_id, expected_attach_type */
export interface AttachPoint {
  readonly attachBtfId: number;
  readonly expectedAttachType: number;
}

/**
 * Where a program is to be attached.
 * @throws UnsupportedError where nothing says it, BpfError (ESRCH) for what the kernel does not have
 */
export function attachPoint(spec: ProgramSpec, types: KernelBtf | undefined): AttachPoint {
  const { attachBtfId, attachesToBtf, expectedAttachType, structOps, name, section } = spec;
  if (!attachesToBtf || attachBtfId !== 0) return { attachBtfId, expectedAttachType };
  const target = structOps ? { name: structOps.struct, kind: KIND.STRUCT } : namedTarget(spec);
  if (!target) throw new UnsupportedError(`section '${section}' of program ${name}: attaching by BTF; set the spec’s attachBtfId`); // prettier-ignore
  if (!types?.btf)
    throw new UnsupportedError(`program ${name}: the types of a kernel are needed to find ${target.name}`);
  const id = types.find(target.name, [target.kind]);
  const missing = (what: string): BpfError => new BpfError(-ERRNO.ESRCH, 'BPF_PROG_LOAD', `program ${name}: the kernel has no ${what}`); // prettier-ignore
  if (id === undefined) throw missing(target.name);
  if (!structOps) return { attachBtfId: id, expectedAttachType };
  const { members } = types.type(id) as BtfComposite;
  const member = members.findIndex((one) => one.name === structOps.member);
  if (member < 0) throw missing(`${structOps.struct}.${structOps.member}`);
  return { attachBtfId: id, expectedAttachType: member };
}

/** The type that the section's name names. */
function namedTarget({ type, expectedAttachType, attachTo }: ProgramSpec): { name: string; kind: number } | undefined {
  if (attachTo === '' || type === PROG_TYPE.STRUCT_OPS || type === PROG_TYPE.EXT) return undefined;
  if (type === PROG_TYPE.LSM) return { name: `bpf_lsm_${attachTo}`, kind: KIND.FUNC };
  if (expectedAttachType === ATTACH_TYPE.TRACE_RAW_TP) return { name: `btf_trace_${attachTo}`, kind: KIND.TYPEDEF };
  const prefix = expectedAttachType === ATTACH_TYPE.TRACE_ITER ? 'bpf_iter_' : '';
  return { name: prefix + attachTo, kind: KIND.FUNC };
}

/** Tells programs which members of which structs they are: addresses of functions in the variables of such a section. */
export function readStructOps(object: ObjectFile, section: ElfSection, spec: CollectionSpec): void {
  const { btf } = object;
  const vars = object.datasec(section.name)?.vars;
  if (!btf || !vars) return;
  for (const { offset, symbol } of object.elf.relocations(section)) {
    const program = spec.programs[symbol.name];
    const place = vars.find((one) => one.offset <= offset && offset < one.offset + one.size);
    const member = program && place && memberAt(btf, (btf.type(place.type) as BtfVar).type, offset - place.offset);
    if (program && member) program.structOps = member;
  }
}

function memberAt(btf: Btf, id: number, offset: number): { struct: string; member: string } | undefined {
  const struct = btf.resolve(id);
  if (struct.kind !== KIND.STRUCT) return undefined;
  const member = struct.members.find(({ bitOffset }) => bitOffset === offset * 8);
  // What follows three underscores tells versions of one struct apart.
  return member && { struct: struct.name.replace(/___.*$/, ''), member: member.name };
}
