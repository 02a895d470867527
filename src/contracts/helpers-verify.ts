/**
 * What each helper takes and gives, for the verifier. The number of arguments is known of all of them (calls read that
 * many registers); kinds are known of those in PROTOTYPES, and a call of another is beyond the verifier.
 *
 * Sources: bpf-helpers(7) and the uapi header's text; the verifier of Linux 6.18, asked with each helper: the live
 * registers it prints before a call (counts), the types that its refusals name (kinds).
 */
import { HELPER_NAMES, PROG_TYPE } from '../uapi/index.ts';

/**
 * Kinds of arguments, after the kernel's names. A kind of known size is written `fixedMem:20` in the table below.
 *
 * - `constMapPtr`: a map, known at load time. @kernel ARG_CONST_MAP_PTR
 * - `mapKey`, `mapValue`, `mapValueOrNull`: initialised memory of the map's key and value size. @kernel ARG_PTR_TO_MAP_KEY
 * - `uninitMapValue`: memory of the map's value size, which the helper fills.
 * - `mem`, `memOrNull`: memory whose bytes the helper reads; the next argument is its size.
 * - `writeMem`, `writeMemOrNull`: the helper reads and writes it. @kernel MEM_WRITE
 * - `uninitMem`: the helper fills it. @kernel MEM_UNINIT
 * - `fixedMem`, `fixedWriteMem`, `fixedUninitMem`: the same of a known size; the latter two aligned to it.
 * - `constSize`, `constSizeOrZero`: bounded size of the memory before. @kernel ARG_CONST_SIZE
 * - `constAllocSize`: known size of the memory that is given. @kernel ARG_CONST_ALLOC_SIZE_OR_ZERO
 * - `constStr`: a string in a frozen read-only array. @kernel ARG_PTR_TO_CONST_STR
 * - `ctx`, `ctxOrNull`: the program's context, unmodified. @kernel ARG_PTR_TO_CTX
 * - `anything`: any initialised register. @kernel ARG_ANYTHING
 * - `sockCommon`, `sockOrNull`, `btfSockCommon`, `btfSockCommonOrNull`: a socket; the last two also by its BTF type. @kernel ARG_PTR_TO_SOCK_COMMON
 * - `btfId`, `btfIdOrNull`: a kernel object by its BTF type. @kernel ARG_PTR_TO_BTF_ID
 * - `percpuBtfId`: a per-CPU kernel variable. @kernel ARG_PTR_TO_PERCPU_BTF_ID
 * - `func`: a function of the program; `stackOrNull`: stack memory for it, or NULL. @kernel ARG_PTR_TO_FUNC
 * - `ringbufMem`: memory that ringbuf_reserve gave. @kernel ARG_PTR_TO_RINGBUF_MEM
 * - `spinLock`, `timer`, `kptr`: such a field of a map's value. @kernel ARG_PTR_TO_SPIN_LOCK
 * - `kptrGiven`: a reference for a `kptr` field, or NULL.
 * - `dynptr`, `uninitDynptr`: a dynptr, and a place on the stack for a new one. @kernel ARG_PTR_TO_DYNPTR
 */
export type ArgKind =
  | 'constMapPtr'
  | 'mapKey'
  | 'mapValue'
  | 'mapValueOrNull'
  | 'uninitMapValue'
  | 'mem'
  | 'memOrNull'
  | 'writeMem'
  | 'writeMemOrNull'
  | 'uninitMem'
  | 'fixedMem'
  | 'fixedWriteMem'
  | 'fixedUninitMem'
  | 'constSize'
  | 'constSizeOrZero'
  | 'constAllocSize'
  | 'constStr'
  | 'ctx'
  | 'ctxOrNull'
  | 'anything'
  | 'sockCommon'
  | 'sockOrNull'
  | 'btfSockCommon'
  | 'btfSockCommonOrNull'
  | 'btfId'
  | 'btfIdOrNull'
  | 'percpuBtfId'
  | 'func'
  | 'stackOrNull'
  | 'ringbufMem'
  | 'spinLock'
  | 'timer'
  | 'kptr'
  | 'kptrGiven'
  | 'dynptr'
  | 'uninitDynptr';

/**
 * Kinds of results. `boundedInteger`: -4095 to the most bytes that the memory argument holds; `ringbufMemOrNull`: as many
 * bytes as asked for; `sliceOrNull`: the same of a dynptr; `btfIdOrNull`: a kernel object, see `helperStruct`.
 */
export type RetKind =
  | 'integer'
  | 'boundedInteger'
  | 'void'
  | 'mapValue'
  | 'mapValueOrNull'
  | 'btfId'
  | 'btfIdOrNull'
  | 'sockOrNull'
  | 'sockCommonOrNull'
  | 'tcpSockOrNull'
  | 'ringbufMemOrNull'
  | 'sliceOrNull'
  | 'kptrOrNull';

export interface HelperProto {
  readonly id: number;
  /** With `bpf_`. */
  readonly name: string;
  readonly args: readonly ArgKind[];
  /** By argument: bytes of a kind of known size, else 0. */
  readonly sizes: readonly number[];
  readonly ret: RetKind;
  /** Moves or resizes the packet: pointers into it end. */
  readonly changesPacket: boolean;
  /** Takes pointers into the packet as memory, in program types that have them. @kernel pkt_access */
  readonly packetAccess: boolean;
  /** May wait: only sleepable programs may call it. @kernel might_sleep */
  readonly mightSleep: boolean;
}

/** Number of arguments of each helper, by id: one digit each. */
const ARG_COUNTS =
  '0242302005553300213144221543533323103232210323112543442435224224325454444443414102425513224431111115' +
  '5433344421553333210445113053124322221111144434233541421242020315453413231111241454332101144533231442' +
  '255333220442';

type Trait = 'changes packet' | 'packet access' | 'might sleep';
type Row = readonly [name: string, args: string, ret: RetKind, trait?: Trait];

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
  ['tail_call', 'ctx constMapPtr anything', 'void'],
  ['clone_redirect', 'ctx anything anything', 'integer', 'changes packet'],
  ['get_current_pid_tgid', '', 'integer'],
  ['get_current_uid_gid', '', 'integer'],
  ['get_current_comm', 'uninitMem constSize', 'integer'],
  ['get_cgroup_classid', '', 'integer'],
  ['skb_vlan_push', 'ctx anything anything', 'integer', 'changes packet'],
  ['skb_vlan_pop', 'ctx', 'integer', 'changes packet'],
  ['skb_get_tunnel_key', 'ctx uninitMem constSize anything', 'integer'],
  ['skb_set_tunnel_key', 'ctx mem constSize anything', 'integer'],
  ['perf_event_read', 'constMapPtr anything', 'integer'],
  ['redirect', 'anything anything', 'integer'],
  ['get_route_realm', 'ctx', 'integer'],
  ['perf_event_output', 'ctx constMapPtr anything mem constSizeOrZero', 'integer'],
  ['skb_load_bytes', 'ctx anything uninitMem constSize', 'integer'],
  ['get_stackid', 'ctx constMapPtr anything', 'integer'],
  ['csum_diff', 'memOrNull constSizeOrZero memOrNull constSizeOrZero anything', 'integer', 'packet access'],
  ['skb_get_tunnel_opt', 'ctx uninitMem constSize', 'integer'],
  ['skb_set_tunnel_opt', 'ctx mem constSize', 'integer'],
  ['skb_change_proto', 'ctx anything anything', 'integer', 'changes packet'],
  ['skb_change_type', 'ctx anything', 'integer'],
  ['skb_under_cgroup', 'ctx constMapPtr anything', 'integer'],
  ['get_hash_recalc', 'ctx', 'integer'],
  ['get_current_task', '', 'integer'],
  ['current_task_under_cgroup', 'constMapPtr anything', 'integer'],
  ['skb_change_tail', 'ctx anything anything', 'integer', 'changes packet'],
  ['skb_pull_data', 'ctx anything', 'integer', 'changes packet'],
  ['csum_update', 'ctx anything', 'integer'],
  ['set_hash_invalid', 'ctx', 'integer'],
  ['get_numa_node_id', '', 'integer'],
  ['skb_change_head', 'ctx anything anything', 'integer', 'changes packet'],
  ['xdp_adjust_head', 'ctx anything', 'integer', 'changes packet'],
  ['probe_read_str', 'uninitMem constSizeOrZero anything', 'boundedInteger'],
  ['get_socket_cookie', 'ctx', 'integer'],
  ['get_socket_uid', 'ctx', 'integer'],
  ['set_hash', 'ctx anything', 'integer'],
  ['probe_write_user', 'anything mem constSize', 'integer'],
  ['override_return', 'ctx anything', 'integer'],
  ['rc_repeat', 'ctx', 'integer'],
  ['rc_keydown', 'ctx anything anything anything', 'integer'],
  ['rc_pointer_rel', 'ctx anything anything', 'integer'],
  ['tcp_send_ack', 'btfId anything', 'integer'],
  ['seq_printf', 'btfId mem constSize memOrNull constSizeOrZero', 'integer'],
  ['seq_write', 'btfId mem constSizeOrZero', 'integer'],
  ['seq_printf_btf', 'btfId mem constSizeOrZero anything', 'integer'],
  ['sk_cgroup_id', 'btfSockCommon', 'integer'],
  ['sk_ancestor_cgroup_id', 'btfSockCommon anything', 'integer'],
  ['inode_storage_get', 'constMapPtr btfIdOrNull mapValueOrNull anything', 'mapValueOrNull'],
  ['inode_storage_delete', 'constMapPtr btfIdOrNull', 'integer'],
  ['d_path', 'btfId writeMem constSizeOrZero', 'integer'],
  ['bprm_opts_set', 'btfId anything', 'integer'],
  ['ima_inode_hash', 'btfId uninitMem constSize', 'integer', 'might sleep'],
  ['ima_file_hash', 'btfId uninitMem constSize', 'integer', 'might sleep'],
  ['sock_from_file', 'btfId', 'btfIdOrNull'],
  ['find_vma', 'btfId anything func stackOrNull anything', 'integer'],
  ['get_func_arg', 'ctx anything fixedUninitMem:8', 'integer'],
  ['get_func_ret', 'ctx fixedUninitMem:8', 'integer'],
  ['get_func_arg_cnt', 'ctx', 'integer'],
  ['setsockopt', 'ctx anything anything mem constSize', 'integer'],
  ['skb_adjust_room', 'ctx anything anything anything', 'integer', 'changes packet'],
  ['redirect_map', 'constMapPtr anything anything', 'integer'],
  ['sk_redirect_map', 'ctx constMapPtr anything anything', 'integer'],
  ['sock_map_update', 'ctx constMapPtr mapKey anything', 'integer'],
  ['xdp_adjust_meta', 'ctx anything', 'integer', 'changes packet'],
  ['perf_event_read_value', 'constMapPtr anything uninitMem constSize', 'integer'],
  ['perf_prog_read_value', 'ctx uninitMem constSize', 'integer'],
  ['getsockopt', 'ctx anything anything uninitMem constSize', 'integer'],
  ['sock_ops_cb_flags_set', 'ctx anything', 'integer'],
  ['msg_redirect_map', 'ctx constMapPtr anything anything', 'integer'],
  ['msg_apply_bytes', 'ctx anything', 'integer'],
  ['msg_cork_bytes', 'ctx anything', 'integer'],
  ['msg_pull_data', 'ctx anything anything anything', 'integer', 'changes packet'],
  ['bind', 'ctx mem constSize', 'integer'],
  ['xdp_adjust_tail', 'ctx anything', 'integer', 'changes packet'],
  ['skb_get_xfrm_state', 'ctx anything uninitMem constSize anything', 'integer'],
  ['get_stack', 'ctx uninitMem constSizeOrZero anything', 'boundedInteger'],
  ['skb_load_bytes_relative', 'ctx anything uninitMem constSize anything', 'integer'],
  ['fib_lookup', 'ctx writeMem constSize anything', 'integer'],
  ['sock_hash_update', 'ctx constMapPtr mapKey anything', 'integer'],
  ['msg_redirect_hash', 'ctx constMapPtr mapKey anything', 'integer'],
  ['sk_redirect_hash', 'ctx constMapPtr mapKey anything', 'integer'],
  ['lwt_push_encap', 'ctx anything mem constSize', 'integer', 'changes packet'],
  ['lwt_seg6_store_bytes', 'ctx anything mem constSize', 'integer', 'changes packet'],
  ['lwt_seg6_adjust_srh', 'ctx anything anything', 'integer', 'changes packet'],
  ['lwt_seg6_action', 'ctx anything mem constSize', 'integer', 'changes packet'],
  ['skb_cgroup_id', 'ctx', 'integer'],
  ['get_current_cgroup_id', '', 'integer'],
  ['get_local_storage', 'constMapPtr anything', 'mapValue'],
  ['sk_select_reuseport', 'ctx constMapPtr mapKey anything', 'integer'],
  ['skb_ancestor_cgroup_id', 'ctx anything', 'integer'],
  ['map_push_elem', 'constMapPtr mapValue anything', 'integer', 'packet access'],
  ['map_pop_elem', 'constMapPtr uninitMapValue', 'integer'],
  ['map_peek_elem', 'constMapPtr uninitMapValue', 'integer'],
  ['msg_push_data', 'ctx anything anything anything', 'integer', 'changes packet'],
  ['msg_pop_data', 'ctx anything anything anything', 'integer', 'changes packet'],
  ['skb_ecn_set_ce', 'ctx', 'integer'],
  ['tcp_check_syncookie', 'btfSockCommon mem constSize mem constSize', 'integer', 'packet access'],
  ['sysctl_get_name', 'ctx writeMem constSize anything', 'integer'],
  ['sysctl_get_current_value', 'ctx uninitMem constSize', 'integer'],
  ['sysctl_get_new_value', 'ctx uninitMem constSize', 'integer'],
  ['sysctl_set_new_value', 'ctx mem constSize', 'integer'],
  ['strtol', 'mem constSize anything fixedUninitMem:8', 'integer'],
  ['strtoul', 'mem constSize anything fixedUninitMem:8', 'integer'],
  ['sk_storage_get', 'constMapPtr btfSockCommon mapValueOrNull anything', 'mapValueOrNull'],
  ['sk_storage_delete', 'constMapPtr btfSockCommon', 'integer'],
  ['send_signal', 'anything', 'integer'],
  ['tcp_gen_syncookie', 'btfSockCommon mem constSize mem constSize', 'integer', 'packet access'],
  ['skb_output', 'btfId constMapPtr anything mem constSizeOrZero', 'integer'],
  ['probe_read_user', 'uninitMem constSizeOrZero anything', 'integer'],
  ['probe_read_kernel', 'uninitMem constSizeOrZero anything', 'integer'],
  ['probe_read_user_str', 'uninitMem constSizeOrZero anything', 'boundedInteger'],
  ['probe_read_kernel_str', 'uninitMem constSizeOrZero anything', 'boundedInteger'],
  ['send_signal_thread', 'anything', 'integer'],
  ['jiffies64', '', 'integer'],
  ['read_branch_records', 'ctx writeMemOrNull constSizeOrZero anything', 'integer'],
  ['get_ns_current_pid_tgid', 'anything anything uninitMem constSize', 'integer'],
  ['xdp_output', 'btfId constMapPtr anything mem constSizeOrZero', 'integer'],
  ['get_netns_cookie', 'ctxOrNull', 'integer'],
  ['get_current_ancestor_cgroup_id', 'anything', 'integer'],
  ['ktime_get_boot_ns', '', 'integer'],
  ['ringbuf_output', 'constMapPtr mem constSizeOrZero anything', 'integer'],
  ['ringbuf_query', 'constMapPtr anything', 'integer'],
  ['sk_lookup_tcp', 'ctx mem constSizeOrZero anything anything', 'sockOrNull', 'packet access'],
  ['sk_lookup_udp', 'ctx mem constSizeOrZero anything anything', 'sockOrNull', 'packet access'],
  ['skc_lookup_tcp', 'ctx mem constSizeOrZero anything anything', 'sockCommonOrNull', 'packet access'],
  ['sk_release', 'btfSockCommon', 'integer'],
  ['sk_assign', 'ctx btfSockCommon anything', 'integer'],
  ['sk_fullsock', 'sockCommon', 'sockOrNull'],
  ['get_listener_sock', 'sockCommon', 'sockOrNull'],
  ['tcp_sock', 'sockCommon', 'tcpSockOrNull'],
  ['skc_to_tcp6_sock', 'btfSockCommon', 'btfIdOrNull'],
  ['skc_to_tcp_sock', 'btfSockCommon', 'btfIdOrNull'],
  ['skc_to_tcp_timewait_sock', 'btfSockCommon', 'btfIdOrNull'],
  ['skc_to_tcp_request_sock', 'btfSockCommon', 'btfIdOrNull'],
  ['skc_to_udp6_sock', 'btfSockCommon', 'btfIdOrNull'],
  ['skc_to_unix_sock', 'btfSockCommon', 'btfIdOrNull'],
  ['skc_to_mptcp_sock', 'sockCommon', 'btfIdOrNull'],
  ['ringbuf_reserve', 'constMapPtr constAllocSize anything', 'ringbufMemOrNull'],
  ['ringbuf_submit', 'ringbufMem anything', 'void'],
  ['ringbuf_discard', 'ringbufMem anything', 'void'],
  ['spin_lock', 'spinLock', 'void'],
  ['spin_unlock', 'spinLock', 'void'],
  ['loop', 'anything func stackOrNull anything', 'integer'],
  ['for_each_map_elem', 'constMapPtr func stackOrNull anything', 'integer'],
  ['timer_init', 'timer constMapPtr anything', 'integer'],
  ['timer_start', 'timer anything anything', 'integer'],
  ['timer_set_callback', 'timer func', 'integer'],
  ['timer_cancel', 'timer', 'integer'],
  ['kptr_xchg', 'kptr kptrGiven', 'kptrOrNull'],
  ['dynptr_from_mem', 'uninitMem constSizeOrZero anything uninitDynptr', 'integer'],
  ['ringbuf_reserve_dynptr', 'constMapPtr anything anything uninitDynptr', 'integer'],
  ['ringbuf_submit_dynptr', 'dynptr anything', 'void'],
  ['ringbuf_discard_dynptr', 'dynptr anything', 'void'],
  ['dynptr_read', 'uninitMem constSizeOrZero dynptr anything anything', 'integer'],
  ['dynptr_write', 'dynptr anything mem constSizeOrZero anything', 'integer'],
  ['dynptr_data', 'dynptr anything constAllocSize', 'sliceOrNull'],
  ['user_ringbuf_drain', 'constMapPtr func stackOrNull anything', 'integer'],
  ['csum_level', 'ctx anything', 'integer'],
  ['get_task_stack', 'btfId uninitMem constSizeOrZero anything', 'boundedInteger'],
  ['load_hdr_opt', 'ctx writeMem constSize anything', 'integer'],
  ['store_hdr_opt', 'ctx mem constSize anything', 'integer'],
  ['reserve_hdr_opt', 'ctx anything anything', 'integer'],
  ['copy_from_user', 'uninitMem constSizeOrZero anything', 'integer', 'might sleep'],
  ['snprintf_btf', 'writeMem constSize mem constSize anything', 'integer'],
  ['skb_cgroup_classid', 'ctx', 'integer'],
  ['redirect_neigh', 'anything memOrNull constSizeOrZero anything', 'integer'],
  ['per_cpu_ptr', 'percpuBtfId anything', 'btfId'],
  ['this_cpu_ptr', 'percpuBtfId', 'btfId'],
  ['redirect_peer', 'anything anything', 'integer'],
  ['task_storage_get', 'constMapPtr btfIdOrNull mapValueOrNull anything', 'mapValueOrNull'],
  ['task_storage_delete', 'constMapPtr btfIdOrNull', 'integer'],
  ['get_current_task_btf', '', 'btfId'],
  ['ktime_get_coarse_ns', '', 'integer'],
  ['check_mtu', 'ctx anything fixedWriteMem:4 anything anything', 'integer'],
  ['snprintf', 'writeMemOrNull constSizeOrZero constStr memOrNull constSizeOrZero', 'integer'],
  ['sys_bpf', 'anything mem constSize', 'integer'],
  ['btf_find_by_name_kind', 'mem constSize anything anything', 'integer'],
  ['sys_close', 'anything', 'integer'],
  ['get_func_ip', 'ctx', 'integer'],
  ['get_attach_cookie', 'ctx', 'integer'],
  ['task_pt_regs', 'btfId', 'btfId'],
  ['get_branch_snapshot', 'uninitMem constSizeOrZero', 'integer'],
  ['trace_vprintk', 'mem constSize memOrNull constSizeOrZero', 'integer'],
  ['kallsyms_lookup_name', 'mem constSizeOrZero anything fixedUninitMem:8', 'integer'],
  ['strncmp', 'mem constSize constStr', 'integer'],
  ['get_retval', '', 'integer'],
  ['set_retval', 'anything', 'integer'],
  ['xdp_get_buff_len', 'ctx', 'integer'],
  ['xdp_load_bytes', 'ctx anything uninitMem constSize', 'integer'],
  ['xdp_store_bytes', 'ctx anything mem constSize', 'integer'],
  ['copy_from_user_task', 'uninitMem constSizeOrZero anything btfId anything', 'integer', 'might sleep'],
  ['skb_set_tstamp', 'ctx anything anything', 'integer'],
  ['map_lookup_percpu_elem', 'constMapPtr mapKey anything', 'mapValueOrNull', 'packet access'],
  ['tcp_raw_gen_syncookie_ipv4', 'fixedMem:20 mem constSizeOrZero', 'integer', 'packet access'],
  ['tcp_raw_gen_syncookie_ipv6', 'fixedMem:40 mem constSizeOrZero', 'integer', 'packet access'],
  ['tcp_raw_check_syncookie_ipv4', 'fixedMem:20 fixedMem:20', 'integer', 'packet access'],
  ['tcp_raw_check_syncookie_ipv6', 'fixedMem:40 fixedMem:20', 'integer', 'packet access'],
  ['ktime_get_tai_ns', '', 'integer'],
  ['cgrp_storage_get', 'constMapPtr btfIdOrNull mapValueOrNull anything', 'mapValueOrNull'],
  ['cgrp_storage_delete', 'constMapPtr btfIdOrNull', 'integer'],
];

function parseArgs(args: string): Pick<HelperProto, 'args' | 'sizes'> {
  const parts = args.split(' ').filter(Boolean);
  return {
    args: parts.map((part) => part.split(':')[0] as ArgKind),
    sizes: parts.map((part) => Number(part.split(':')[1] ?? 0)),
  };
}

const byId = new Map<number, HelperProto>(
  PROTOTYPES.map(([name, args, ret, trait]) => {
    const id = HELPER_NAMES.indexOf(name);
    return [
      id,
      {
        id,
        name: `bpf_${name}`,
        ...parseArgs(args),
        ret,
        changesPacket: trait === 'changes packet',
        packetAccess: trait === 'packet access',
        mightSleep: trait === 'might sleep',
      },
    ];
  }),
);

const P = PROG_TYPE;
/** Types whose programs get kernel objects by their BTF types. */
const BY_BTF = [P.TRACING, P.LSM, P.STRUCT_OPS, P.SYSCALL];
const ABOUT_PACKET = [P.SCHED_CLS, P.SCHED_ACT, P.LWT_IN, P.LWT_OUT, P.LWT_XMIT, P.LWT_SEG6LOCAL];

/** Helpers that take other arguments in programs of some types. */
const VARIANTS: readonly (readonly [name: string, progTypes: readonly number[], args: string])[] = [
  ['get_cgroup_classid', ABOUT_PACKET, 'ctx'],
  ['get_socket_cookie', [P.SK_REUSEPORT, ...BY_BTF], 'btfSockCommonOrNull'],
  ['setsockopt', [P.CGROUP_SOCKOPT, P.TRACING, P.STRUCT_OPS], 'btfSockCommon anything anything mem constSize'],
  ['getsockopt', [P.CGROUP_SOCKOPT, P.TRACING, P.STRUCT_OPS], 'btfSockCommon anything anything uninitMem constSize'],
  ['setsockopt', [P.LSM], 'btfId anything anything mem constSize'],
  ['getsockopt', [P.LSM], 'btfId anything anything uninitMem constSize'],
  ['sk_storage_get', [P.CGROUP_SOCK], 'constMapPtr ctx mapValueOrNull anything'],
  ['sk_storage_get', [P.TRACING, P.LSM], 'constMapPtr btfIdOrNull mapValueOrNull anything'],
  ['sk_storage_delete', [P.TRACING, P.LSM], 'constMapPtr btfIdOrNull'],
  ['sk_assign', [P.SK_LOOKUP], 'ctx sockOrNull anything'],
  ['xdp_get_buff_len', BY_BTF, 'btfId'],
];

/** By helper and program type. */
const variants = new Map<number, HelperProto>(
  VARIANTS.flatMap(([name, progTypes, args]) => {
    const base = byId.get(HELPER_NAMES.indexOf(name));
    if (!base) return [];
    return progTypes.map((type) => [base.id * 256 + type, { ...base, ...parseArgs(args) }] as const);
  }),
);

/** The prototype in programs of a type, or undefined where kinds are not known. */
export function helperProto(id: number, progType = 0): HelperProto | undefined {
  return variants.get(id * 256 + progType) ?? byId.get(id);
}

/** Registers that a call of helper `id` reads, counted from r1: 0-5. Five for an id that does not exist. */
export function helperArgCount(id: number, progType: number): number {
  if (id <= 0 || id >= ARG_COUNTS.length) return 5;
  return helperProto(id, progType)?.args.length ?? Number(ARG_COUNTS[id]);
}
