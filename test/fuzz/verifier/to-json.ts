/** A program object as one JSON object of the exchange format; the inverse of `parseProgramObject`. */
import type { ExchangeMap, ProgramObject } from '../../../src/loader/index.ts';
import { MAP_TYPE_NAMES, PROG_TYPE_NAMES } from '../../../src/uapi/index.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Fields that say nothing are left out. */
function compact(json: Record<string, unknown>): Record<string, unknown> {
  const says = (value: unknown): boolean =>
    value !== undefined && value !== 0 && value !== '' && value !== false && !(Array.isArray(value) && !value.length);
  return Object.fromEntries(Object.entries(json).filter(([, value]) => says(value)));
}

function mapJson(map: ExchangeMap): Record<string, unknown> {
  const json = compact({
    type: MAP_TYPE_NAMES[map.type],
    key_size: map.keySize,
    value_size: map.valueSize,
    max_entries: map.maxEntries,
    map_flags: map.mapFlags,
    map_extra: map.mapExtra,
    name: map.name,
    btf_key_type_id: map.btfKeyTypeId,
    btf_value_type_id: map.btfValueTypeId,
    btf_vmlinux_value_type_id: map.btfVmlinuxValueTypeId,
    init: map.init.map(([key, value]) => [hex(key), hex(value)]),
    freeze: map.freeze,
  });
  // An index of 0 says something.
  return { ...json, inner: map.inner, btf: map.btf };
}

/** Bits by number, which the format takes as well as names. */
function bits(caps: bigint): number[] {
  return Array.from({ length: 64 }, (_, bit) => bit).filter((bit) => (caps >> BigInt(bit)) & 1n);
}

export function toJson(object: ProgramObject): Record<string, unknown> {
  const json = compact({
    name: object.name,
    prog_type: PROG_TYPE_NAMES[object.progType],
    expected_attach_type: object.expectedAttachType,
    prog_flags: object.progFlags,
    prog_name: object.progName,
    insns: hex(object.insns),
    maps: object.maps.map(mapJson),
    map_refs: object.mapRefs,
    prog_refs: object.progRefs,
    btfs: object.btfs.map((btf) => (typeof btf === 'string' ? `@${btf}` : Buffer.from(btf).toString('base64'))),
    func_info: hex(object.funcInfo),
    line_info: hex(object.lineInfo),
    attach_btf: object.attachBtf,
    attach_btf_id: object.attachBtfId,
    kfuncs: object.kfuncs,
    ksyms: object.ksyms,
    fd_array: object.fdArray,
  });
  return {
    ...json,
    license: object.license,
    ...(object.progBtf !== undefined && { prog_btf: object.progBtf }),
    ...(object.caps !== undefined && { caps: bits(object.caps) }),
  };
}
