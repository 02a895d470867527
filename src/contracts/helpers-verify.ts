/**
 * What each helper takes and gives, for the verifier. The number of arguments is known of all of them (calls read that
 * many registers); kinds are known of those in PROTOTYPES, and a call of another is beyond the verifier.
 *
 * Sources: bpf-helpers(7) and the uapi header's text; the verifier of Linux 6.18, asked with each helper: the live
 * registers it prints before a call (counts), the types that its refusals name (kinds).
 */
import { HELPER_NAMES, PROG_TYPE } from '../uapi/index.ts';

/**
 * Kinds of arguments, after the kernel's names.
 *
 * - `constMapPtr`: a map, known at load time. @kernel ARG_CONST_MAP_PTR
 * - `mapKey`, `mapValue`: initialised memory of the map's key and value size. @kernel ARG_PTR_TO_MAP_KEY
 * - `mem`, `uninitMem`: memory whose bytes are read, or written, by the helper; the next argument is its size.
 * - `constSize`, `constSizeOrZero`: bounded size of the memory before. @kernel ARG_CONST_SIZE
 * - `ctx`: the program's context, unmodified. @kernel ARG_PTR_TO_CTX
 * - `anything`: any initialised register. @kernel ARG_ANYTHING
 */
export type ArgKind =
  'constMapPtr' | 'mapKey' | 'mapValue' | 'mem' | 'uninitMem' | 'constSize' | 'constSizeOrZero' | 'ctx' | 'anything';

/** Kinds of results. */
export type RetKind = 'integer' | 'void' | 'mapValueOrNull';

export interface HelperProto {
  readonly id: number;
  /** With `bpf_`. */
  readonly name: string;
  readonly args: readonly ArgKind[];
  readonly ret: RetKind;
  /** Moves or resizes the packet: pointers into it end. */
  readonly changesPacket: boolean;
  /** Takes pointers into the packet as memory, in program types that have them. @kernel pkt_access */
  readonly packetAccess: boolean;
}

/** Number of arguments of each helper, by id: one digit each. */
const ARG_COUNTS =
  '0242302005553300213144221543533323103232210323112543442435224224325454444443414102425513224431111115' +
  '5433344421553333210445113053124322221111144434233541421242020315453413231111241454332101144533231442' +
  '255333220442';

/** Asks about the current task, or, in programs of these types, about the packet given. */
const CGROUP_CLASSID = HELPER_NAMES.indexOf('get_cgroup_classid');
const CLASSID_OF_PACKET: readonly number[] = [
  PROG_TYPE.SCHED_CLS,
  PROG_TYPE.SCHED_ACT,
  PROG_TYPE.LWT_IN,
  PROG_TYPE.LWT_OUT,
  PROG_TYPE.LWT_XMIT,
  PROG_TYPE.LWT_SEG6LOCAL,
];

type Row = readonly [name: string, args: string, ret: RetKind, packet?: 'changes packet' | 'packet access'];

const PROTOTYPES: readonly Row[] = [
  ['map_lookup_elem', 'constMapPtr mapKey', 'mapValueOrNull', 'packet access'],
  ['map_update_elem', 'constMapPtr mapKey mapValue anything', 'integer', 'packet access'],
  ['map_delete_elem', 'constMapPtr mapKey', 'integer', 'packet access'],
  ['ktime_get_ns', '', 'integer'],
  ['trace_printk', 'mem constSize', 'integer'],
  ['get_prandom_u32', '', 'integer'],
  ['get_smp_processor_id', '', 'integer'],
  ['skb_load_bytes', 'ctx anything uninitMem constSize', 'integer'],
];

const byId = new Map<number, HelperProto>(
  PROTOTYPES.map(([name, args, ret, packet]) => {
    const id = HELPER_NAMES.indexOf(name);
    const kinds = args.split(' ').filter(Boolean) as ArgKind[];
    return [
      id,
      {
        id,
        name: `bpf_${name}`,
        args: kinds,
        ret,
        changesPacket: packet === 'changes packet',
        packetAccess: packet === 'packet access',
      },
    ];
  }),
);

/** The prototype, or undefined where kinds are not known. */
export function helperProto(id: number): HelperProto | undefined {
  return byId.get(id);
}

/** Registers that a call of helper `id` reads, counted from r1: 0-5. Five for an id that does not exist. */
export function helperArgCount(id: number, progType: number): number {
  if (id <= 0 || id >= ARG_COUNTS.length) return 5;
  if (id === CGROUP_CLASSID) return CLASSID_OF_PACKET.includes(progType) ? 1 : 0;
  return Number(ARG_COUNTS[id]);
}
