/**
 * Hand-written part of the ABI: flag words and limits of <linux/bpf.h> that are anonymous enums or macros.
 * Sources: the uapi header (GPL-2.0 WITH Linux-syscall-note), bpf(2), BTF of Linux 6.18.
 */

/** Flags of MAP_UPDATE_ELEM and MAP_LOOKUP_ELEM. */
export const ELEM_FLAG = { ANY: 0, NOEXIST: 1, EXIST: 2, LOCK: 4 } as const;

/** Flags of MAP_CREATE. @kernel BPF_F_* */
export const MAP_FLAG = {
  NO_PREALLOC: 1 << 0,
  NO_COMMON_LRU: 1 << 1,
  NUMA_NODE: 1 << 2,
  RDONLY: 1 << 3,
  WRONLY: 1 << 4,
  STACK_BUILD_ID: 1 << 5,
  ZERO_SEED: 1 << 6,
  RDONLY_PROG: 1 << 7,
  WRONLY_PROG: 1 << 8,
  CLONE: 1 << 9,
  MMAPABLE: 1 << 10,
  PRESERVE_ELEMS: 1 << 11,
  INNER_MAP: 1 << 12,
  LINK: 1 << 13,
  PATH_FD: 1 << 14,
  VTYPE_BTF_OBJ_FD: 1 << 15,
  TOKEN_FD: 1 << 16,
  SEGV_ON_FAULT: 1 << 17,
  NO_USER_CONV: 1 << 18,
} as const;

/** Flags of PROG_LOAD. @kernel BPF_F_* */
export const PROG_FLAG = {
  STRICT_ALIGNMENT: 1 << 0,
  ANY_ALIGNMENT: 1 << 1,
  TEST_RND_HI32: 1 << 2,
  TEST_STATE_FREQ: 1 << 3,
  SLEEPABLE: 1 << 4,
  XDP_HAS_FRAGS: 1 << 5,
  XDP_DEV_BOUND_ONLY: 1 << 6,
  TEST_REG_INVARIANTS: 1 << 7,
} as const;

/** `src_reg` of a 64-bit immediate load (two slots). */
export const PSEUDO = { MAP_FD: 1, MAP_VALUE: 2, BTF_ID: 3, FUNC: 4, MAP_IDX: 5, MAP_IDX_VALUE: 6 } as const;

/** `src_reg` of a call instruction. */
export const CALL_PSEUDO = { HELPER: 0, CALL: 1, KFUNC: 2 } as const;

/** Bytes of one frame's stack. @kernel MAX_BPF_STACK */
export const MAX_BPF_STACK = 512;

/** Bytes of a program, map or symbol name, NUL included. @kernel BPF_OBJ_NAME_LEN */
export const BPF_OBJ_NAME_LEN = 16;

/** Most instruction slots of a program of a caller with CAP_BPF; without, 4096. @kernel BPF_COMPLEXITY_LIMIT_INSNS */
export const MAX_INSNS = 1_000_000;

/** Capabilities that bpf(2) asks for, by bit number; see capabilities(7). */
export const CAP = { NET_ADMIN: 12, SYS_ADMIN: 21, PERFMON: 38, BPF: 39 } as const;

/** Options of sockets, level SOL_SOCKET, that filters are attached with. @kernel SO_* of asm-generic/socket.h */
export const SO = {
  ATTACH_FILTER: 26,
  /** Also SO_DETACH_BPF. */
  DETACH_FILTER: 27,
  LOCK_FILTER: 44,
  ATTACH_BPF: 50,
  ATTACH_REUSEPORT_CBPF: 51,
  ATTACH_REUSEPORT_EBPF: 52,
  DETACH_REUSEPORT_BPF: 68,
} as const;

/** `SO_ATTACH_BPF` by number. */
export const SO_NAMES: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(SO).map(([name, option]) => [option, `SO_${name}`]),
);

/** Families, types and states of sockets. @kernel AF_* and SOCK_* of linux/socket.h, TCP_* of linux/tcp.h */
export const AF = { UNIX: 1, INET: 2, INET6: 10 } as const;
export const SOCK_TYPE = { STREAM: 1, DGRAM: 2 } as const;
export const TCP_STATE = { ESTABLISHED: 1, CLOSE: 7, LISTEN: 10 } as const;
