import { describe, expect, it } from 'vitest';
import { BtfBuilder, KernelBtf, KIND, LINKAGE } from '../btf/index.ts';
import { BpfError, ERRNO, UnsupportedError } from '../errors/index.ts';
import { ATTACH_TYPE } from '../uapi/index.ts';
import { attachPoint } from './attach.ts';
import { matchSection } from './sections.ts';
import { ProgramSpec } from './spec.ts';

function kernel(): KernelBtf {
  const btf = new BtfBuilder();
  const proto = btf.add({ kind: KIND.FUNC_PROTO, name: '', type: 0, params: [] });
  const pointer = btf.add({ kind: KIND.PTR, name: '', type: proto });
  for (const name of ['f', 'bpf_lsm_f', 'bpf_iter_f']) {
    btf.add({ kind: KIND.FUNC, name, type: proto, linkage: LINKAGE.STATIC });
  }
  btf.add({ kind: KIND.TYPEDEF, name: 'btf_trace_f', type: pointer });
  const members = ['first', 'second'].map((name, i) => ({ name, type: pointer, bitOffset: 64 * i, bitSize: 0 }));
  btf.add({ kind: KIND.STRUCT, name: 'ops', size: 16, members });
  return new KernelBtf(btf.bytes());
}
const types = kernel();
const idOf = (kind: number, name: string): number => types.find(name, [kind])!;

function program(section: string): ProgramSpec {
  const { def, attachTo } = matchSection(section);
  const spec = new ProgramSpec('p', section, undefined);
  return Object.assign(spec, {
    type: def?.type,
    expectedAttachType: def?.attachType,
    attachesToBtf: def?.attachesToBtf,
    attachTo,
  });
}

describe('where a program is attached', () => {
  it.each([
    ['fentry/f', KIND.FUNC, 'f', ATTACH_TYPE.TRACE_FENTRY],
    ['fmod_ret.s/f', KIND.FUNC, 'f', ATTACH_TYPE.MODIFY_RETURN],
    ['tp_btf/f', KIND.TYPEDEF, 'btf_trace_f', ATTACH_TYPE.TRACE_RAW_TP],
    ['iter/f', KIND.FUNC, 'bpf_iter_f', ATTACH_TYPE.TRACE_ITER],
    ['lsm.s/f', KIND.FUNC, 'bpf_lsm_f', ATTACH_TYPE.LSM_MAC],
  ])('%s', (section, kind, name, expectedAttachType) => {
    expect(attachPoint(program(section), types)).toEqual({ attachBtfId: idOf(kind, name), expectedAttachType });
  });

  it('a member of a struct', () => {
    const spec = program('struct_ops/anything');
    spec.structOps = { struct: 'ops', member: 'second' };
    expect(attachPoint(spec, types)).toEqual({ attachBtfId: idOf(KIND.STRUCT, 'ops'), expectedAttachType: 1 });
  });

  it('what the spec says goes first, without types too', () => {
    const spec = program('fentry/f');
    spec.attachBtfId = 77;
    expect(attachPoint(spec, undefined).attachBtfId).toBe(77);
    expect(attachPoint(program('xdp'), undefined)).toEqual({ attachBtfId: 0, expectedAttachType: ATTACH_TYPE.XDP });
  });

  it.each(['fentry/g', 'tp_btf/g', 'lsm/g'])('%s is not there', (section) => {
    const attach = (): unknown => attachPoint(program(section), types);
    expect(attach).toThrow(BpfError);
    expect(attach).toThrow(expect.objectContaining({ errno: ERRNO.ESRCH }));
  });

  it('a member that is not there', () => {
    const spec = program('struct_ops');
    spec.structOps = { struct: 'ops', member: 'third' };
    expect(() => attachPoint(spec, types)).toThrow('ops.third');
  });

  it.each(['fentry', 'struct_ops/x', 'freplace/f'])('%s does not say it', (section) => {
    expect(() => attachPoint(program(section), types)).toThrow(UnsupportedError);
  });

  it('no types to look in', () => {
    expect(() => attachPoint(program('fentry/f'), undefined)).toThrow(UnsupportedError);
  });
});
