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
  ['probe_read', 'uninitMem constSizeOrZero anything', 'integer'],
  ['ktime_get_ns', '', 'integer'],
  ['trace_printk', 'mem constSize', 'integer'],
  ['get_prandom_u32', '', 'integer'],
  ['get_smp_processor_id', '', 'integer'],
  ['skb_store_bytes', 'ctx anything mem constSize anything', 'integer', 'changes packet'],
  ['l3_csum_replace', 'ctx anything anything anything anything', 'integer', 'changes packet'],
  ['l4_csum_replace', 'ctx anything anything anything anything', 'integer', 'changes packet'],
  ['clone_redirect', 'ctx anything anything', 'integer', 'changes packet'],
  ['get_current_pid_tgid', '', 'integer'],
  ['get_current_uid_gid', '', 'integer'],
  ['get_current_comm', 'uninitMem constSize', 'integer'],
  ['skb_vlan_push', 'ctx anything anything', 'integer', 'changes packet'],
  ['skb_vlan_pop', 'ctx', 'integer', 'changes packet'],
  ['skb_get_tunnel_key', 'ctx uninitMem constSize anything', 'integer'],
  ['skb_set_tunnel_key', 'ctx mem constSize anything', 'integer'],
  ['redirect', 'anything anything', 'integer'],
  ['get_route_realm', 'ctx', 'integer'],
  ['skb_load_bytes', 'ctx anything uninitMem constSize', 'integer'],
  ['skb_get_tunnel_opt', 'ctx uninitMem constSize', 'integer'],
  ['skb_set_tunnel_opt', 'ctx mem constSize', 'integer'],
  ['skb_change_proto', 'ctx anything anything', 'integer', 'changes packet'],
  ['skb_change_type', 'ctx anything', 'integer'],
  ['get_hash_recalc', 'ctx', 'integer'],
  ['get_current_task', '', 'integer'],
  ['skb_change_tail', 'ctx anything anything', 'integer', 'changes packet'],
  ['skb_pull_data', 'ctx anything', 'integer', 'changes packet'],
  ['csum_update', 'ctx anything', 'integer'],
  ['set_hash_invalid', 'ctx', 'integer'],
  ['get_numa_node_id', '', 'integer'],
  ['skb_change_head', 'ctx anything anything', 'integer', 'changes packet'],
  ['xdp_adjust_head', 'ctx anything', 'integer', 'changes packet'],
  ['get_socket_cookie', 'ctx', 'integer'],
  ['get_socket_uid', 'ctx', 'integer'],
  ['set_hash', 'ctx anything', 'integer'],
  ['skb_adjust_room', 'ctx anything anything anything', 'integer', 'changes packet'],
  ['xdp_adjust_meta', 'ctx anything', 'integer', 'changes packet'],
  ['xdp_adjust_tail', 'ctx anything', 'integer', 'changes packet'],
  ['skb_get_xfrm_state', 'ctx anything uninitMem constSize anything', 'integer'],
  ['skb_load_bytes_relative', 'ctx anything uninitMem constSize anything', 'integer'],
  ['skb_cgroup_id', 'ctx', 'integer'],
  ['get_current_cgroup_id', '', 'integer'],
  ['skb_ancestor_cgroup_id', 'ctx anything', 'integer'],
  ['skb_ecn_set_ce', 'ctx', 'integer'],
  ['send_signal', 'anything', 'integer'],
  ['probe_read_user', 'uninitMem constSizeOrZero anything', 'integer'],
  ['probe_read_kernel', 'uninitMem constSizeOrZero anything', 'integer'],
  ['send_signal_thread', 'anything', 'integer'],
  ['jiffies64', '', 'integer'],
  ['get_ns_current_pid_tgid', 'anything anything uninitMem constSize', 'integer'],
  ['get_current_ancestor_cgroup_id', 'anything', 'integer'],
  ['ktime_get_boot_ns', '', 'integer'],
  ['csum_level', 'ctx anything', 'integer'],
  ['skb_cgroup_classid', 'ctx', 'integer'],
  ['redirect_peer', 'anything anything', 'integer'],
  ['ktime_get_coarse_ns', '', 'integer'],
  ['xdp_get_buff_len', 'ctx', 'integer'],
  ['xdp_load_bytes', 'ctx anything uninitMem constSize', 'integer'],
  ['xdp_store_bytes', 'ctx anything mem constSize', 'integer'],
  ['skb_set_tstamp', 'ctx anything anything', 'integer'],
  ['ktime_get_tai_ns', '', 'integer'],
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
