/**
 * Profiles: whose verdicts are asked for. `linux-6.18` is the kernel that all tables of this folder were measured on.
 *
 * `lwn-2014` is the system of the patch set that LWN described in "Extending extended BPF" (July 2014), as far as a profile
 * can say it over the instructions and numbers of today: programs are loaded by CAP_SYS_ADMIN alone and only under a licence
 * compatible with the GPL; no program has a loop, or functions of its own, or reads stack that it has not written; a
 * program is for sockets or a filter of trace events, which BPF_PROG_TYPE_TRACEPOINT stands for; the one type of map is the
 * hash; programs call the functions of that patch set that are helpers still (the map's three, and for trace events
 * printing); at most 4096 instructions, those that there were. A program of BPF_PROG_TYPE_UNSPEC is for no place yet: nothing
 * is said of its context, and it may call what programs of any other type may. What the patch set numbered otherwise
 * (caller-chosen ids, `bpf_fetch_*`) has no place here. Sources: the article and the cover letter "BPF syscall, maps, verifier, samples" as summed up in this project's design; man page
 * bpf(2) for the limit of instructions and for who may load; RFC 9669 for the groups of instructions that came later.
 */
import { ALU, ATOMIC, CALL, CLASS, EXIT, JMP, LD_IMM64, MODE } from '../isa/index.ts';
import type { Instruction } from '../isa/index.ts';
import { CALL_PSEUDO, CAP, HELPER_NAMES, MAP_TYPE, PROG_TYPE, PSEUDO } from '../uapi/index.ts';

/** What a system lacks of the one that the tables describe. */
export interface ProfileLimits {
  /** The capability without which nothing is loaded. */
  readonly cap: number;
  /** Whether any program needs a licence compatible with the GPL. */
  readonly gplOnly: boolean;
  readonly maxInsns: number;
  /** Ids of the helpers that each program type may call; other types are not loaded. See `isPlaceless` for UNSPEC. */
  readonly helpers: ReadonlyMap<number, ReadonlySet<number>>;
  readonly mapTypes: ReadonlySet<number>;
  /** Whether the system knows an instruction; of a call it says nothing. */
  knows(insn: Instruction): boolean;
}

export interface Profile {
  readonly name: string;
  /** One line. */
  readonly summary: string;
  /** Absent: none. */
  readonly limits?: ProfileLimits;
}

const helpers = (...names: string[]): Set<number> => new Set(names.map((name) => HELPER_NAMES.indexOf(name)));
const MAP_HELPERS = ['map_lookup_elem', 'map_update_elem', 'map_delete_elem'] as const;
const EVENT_HELPERS = [...MAP_HELPERS, 'trace_printk'] as const;

const OPERATIONS = new Set<number>([
  ...[ALU.ADD, ALU.SUB, ALU.MUL, ALU.DIV, ALU.OR, ALU.AND, ALU.LSH, ALU.RSH, ALU.NEG, ALU.MOD, ALU.XOR, ALU.MOV],
  ALU.ARSH,
]);
const JUMPS = new Set<number>([JMP.JA, JMP.JEQ, JMP.JGT, JMP.JGE, JMP.JSET, JMP.JNE, JMP.JSGT, JMP.JSGE]);

/** Without those of 32 bits, `<` and `<=`, signed division and moves, and all atomics but the addition. */
function wasThereIn2014({ opcode, src, off, imm }: Instruction): boolean {
  if (opcode === EXIT || opcode === CALL) return true;
  if (opcode === LD_IMM64) return src === PSEUDO.MAP_FD || src === 0;
  const cls = opcode & 7;
  const op = opcode & 0xf0;
  const mode = opcode & 0xe0;
  switch (cls) {
    case CLASS.ALU:
      return (OPERATIONS.has(op) && off === 0) || op === ALU.END;
    case CLASS.ALU64:
      return OPERATIONS.has(op) && off === 0;
    case CLASS.JMP:
      return JUMPS.has(op);
    case CLASS.LD:
      return mode === MODE.ABS || mode === MODE.IND;
    case CLASS.STX:
      return mode === MODE.MEM || (mode === MODE.ATOMIC && imm === ATOMIC.ADD);
    default:
      return mode === MODE.MEM && cls !== CLASS.JMP32;
  }
}

/** The first is the default. */
export const PROFILES: readonly Profile[] = [
  { name: 'linux-6.18', summary: 'Linux 6.18 on x86-64' },
  {
    name: 'lwn-2014',
    summary: 'the patch set of July 2014: no loops, GPL only, CAP_SYS_ADMIN only, hashes only',
    limits: {
      cap: CAP.SYS_ADMIN,
      gplOnly: true,
      maxInsns: 4096,
      helpers: new Map([
        [PROG_TYPE.UNSPEC, helpers(...EVENT_HELPERS)],
        [PROG_TYPE.SOCKET_FILTER, helpers(...MAP_HELPERS)],
        [PROG_TYPE.TRACEPOINT, helpers(...EVENT_HELPERS)],
      ]),
      mapTypes: new Set([MAP_TYPE.HASH]),
      knows: wasThereIn2014,
    },
  },
];

export const profileNamed = (name: string): Profile | undefined => PROFILES.find((profile) => profile.name === name);

/** Whether a program is loaded for no place in particular: it is verified again, as one of another type, where it is attached. */
export const isPlaceless = (progType: number, profile: Profile | undefined): boolean =>
  progType === PROG_TYPE.UNSPEC && profile?.limits?.helpers.has(progType) === true;

/** Whether a call is one of a helper: of what programs of 2014 could call the only kind. */
export const callsHelper = ({ opcode, src }: Instruction): boolean => opcode === CALL && src === CALL_PSEUDO.HELPER;

/** What the loader of `linux-6.18` finds out about its kernel without a configuration file. */
export const PROFILE_SETTINGS: Readonly<Record<string, string>> = {
  LINUX_KERNEL_VERSION: String((6 << 16) | (18 << 8) | 44),
  LINUX_HAS_BPF_COOKIE: 'y',
  LINUX_HAS_SYSCALL_WRAPPER: 'y',
};
