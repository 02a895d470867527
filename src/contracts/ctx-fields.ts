/**
 * Fields of the context structs that programs see: where they are, and what is behind them. A program loads and stores
 * the uapi struct; Linux turns each access into one to its own struct, whose field may be narrower.
 *
 * Sources: offsets and sizes from <linux/bpf.h> and the BTF of Linux 6.18; `behind` and `below` measured there: a program
 * stores 1, 0x1234, 0xfffe, 0xffff, 0x10000, 0x12345, 0x1ffff and 0x89abcdef or is given them in `ctx_in`, loads the field
 * and each of its bytes and halves, and returns what it sees.
 */

export interface CtxField {
  readonly name: string;
  /** Bytes from the struct's start. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
  /**
   * Bytes of Linux's own field. A store keeps as many, a later load shows the others as 0. A load of a part of the field
   * that is at least this long gives the field's first bytes, whichever part it names.
   */
  readonly behind: number;
  /** Set: a store of this or a greater unsigned number changes nothing. */
  readonly below?: number;
}

export interface CtxStruct {
  readonly name: string;
  readonly size: number;
  readonly fields: readonly CtxField[];
}

type Row = readonly [name: string, offset: number, size: number, rules?: { behind?: number; below?: number }];

function struct(name: string, size: number, rows: readonly Row[]): CtxStruct {
  const fields = rows.map(([field, offset, bytes, rules]) => ({
    name: field,
    offset,
    size: bytes,
    behind: bytes,
    ...rules,
  }));
  return { name, size, fields };
}

/** @kernel struct __sk_buff */
export const SK_BUFF = struct('__sk_buff', 192, [
  ['len', 0, 4],
  ['pkt_type', 4, 4, { behind: 1 }],
  ['mark', 8, 4],
  // 0xffff stands for "no queue" inside Linux, and cannot be stored.
  ['queue_mapping', 12, 4, { behind: 2, below: 0xffff }],
  ['protocol', 16, 4, { behind: 2 }],
  ['vlan_present', 20, 4],
  ['vlan_tci', 24, 4, { behind: 2 }],
  ['vlan_proto', 28, 4, { behind: 2 }],
  ['priority', 32, 4],
  ['ingress_ifindex', 36, 4],
  ['ifindex', 40, 4],
  ['tc_index', 44, 4, { behind: 2 }],
  ['cb', 48, 20],
  ['hash', 68, 4],
  ['tc_classid', 72, 4, { behind: 2 }],
  ['data', 76, 4],
  ['data_end', 80, 4],
  ['napi_id', 84, 4],
  ['family', 88, 4, { behind: 2 }],
  ['remote_ip4', 92, 4],
  ['local_ip4', 96, 4],
  ['remote_ip6', 100, 16],
  ['local_ip6', 116, 16],
  ['remote_port', 132, 4],
  ['local_port', 136, 4],
  ['data_meta', 140, 4],
  ['flow_keys', 144, 8],
  ['tstamp', 152, 8],
  ['wire_len', 160, 4],
  ['gso_segs', 164, 4, { behind: 2 }],
  ['sk', 168, 8],
  ['gso_size', 176, 4, { behind: 2 }],
  ['tstamp_type', 180, 1],
  ['hwtstamp', 184, 8],
]);

/** @kernel struct xdp_md */
export const XDP_MD = struct('xdp_md', 24, [
  ['data', 0, 4],
  ['data_end', 4, 4],
  ['data_meta', 8, 4],
  ['ingress_ifindex', 12, 4],
  ['rx_queue_index', 16, 4],
  ['egress_ifindex', 20, 4],
]);

/** Offsets of fields by name. @throws RangeError where the struct has none of a name. */
export function offsetsOf<K extends string>(struct: CtxStruct, names: readonly K[]): Readonly<Record<K, number>> {
  const entries = names.map((name) => {
    const field = struct.fields.find((f) => f.name === name);
    if (field === undefined) throw new RangeError(`struct ${struct.name} has no field ${name}`);
    return [name, field.offset];
  });
  return Object.fromEntries(entries) as Record<K, number>;
}
