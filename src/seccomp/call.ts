/**
 * A system call as C and strace write it, `openat(AT_FDCWD, "/etc/passwd", O_RDONLY)`: its number, and its arguments as far
 * as the text tells them. What strace prints in another order than the registers have is put back; what it does not print
 * is unknown.
 */
import { FormatError } from '../errors/index.ts';
import type { Arch } from './arch.ts';
import { MAX_ARGS, WORD } from './data.ts';
import type { SeccompData } from './data.ts';
import { argValue } from './value.ts';

/** A text cut into its arguments. */
export interface SplitArgs {
  readonly args: readonly string[];
  /** Where the closing parenthesis stands; -1 where there is none, and the last argument may be cut. */
  readonly end: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** @param from behind the opening parenthesis */
export function splitArgs(text: string, from: number): SplitArgs {
  const args: string[] = [];
  let depth = 0;
  let start = from;
  for (let i = from; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case QUOTE:
        for (i++; i < text.length && text.charCodeAt(i) !== QUOTE; i++) if (text.charCodeAt(i) === BACKSLASH) i++;
        break;
      case 0x2f: // a comment
        if (text.charCodeAt(i + 1) === 0x2a) {
          const end = text.indexOf('*/', i + 2);
          if (end > 0) i = end + 1;
        }
        break;
      case 0x28: // ( [ {
      case 0x5b:
      case 0x7b:
        depth++;
        break;
      case 0x5d: // ] }
      case 0x7d:
        depth--;
        break;
      case 0x29:
        if (depth-- === 0) {
          if (i > start || args.length > 0) args.push(text.slice(start, i).trim());
          return { args, end: i };
        }
        break;
      case 0x2c:
        if (depth === 0) {
          args.push(text.slice(start, i).trim());
          start = i + 1;
        }
        break;
    }
  }
  args.push(text.slice(start).trim());
  return { args, end: -1 };
}

/** Registers of the arguments of clone(2), which strace prints with their names. */
const CLONE: Readonly<Record<string, readonly [x86_64: number, others: number]>> = {
  flags: [0, 0],
  child_stack: [1, 1],
  stack: [1, 1],
  parent_tid: [2, 2],
  parent_tidptr: [2, 2],
  child_tid: [3, 4],
  child_tidptr: [3, 4],
  tls: [4, 3],
};

/** Registers of the printed arguments where they do not follow each other: an offset takes two. */
const REGISTERS: Readonly<Record<string, readonly number[]>> = {
  preadv2: [0, 1, 2, 3, 5],
  pwritev2: [0, 1, 2, 3, 5],
};

/** Calls whose arguments of 64 bits take two registers where these have 32, and from which argument on. */
const WIDE: Readonly<Record<string, number>> = {
  _llseek: 1,
  fadvise64: 1,
  fadvise64_64: 1,
  fallocate: 2,
  fanotify_mark: 2,
  ftruncate64: 1,
  lookup_dcookie: 0,
  mmap: 0,
  pread64: 3,
  preadv: 3,
  preadv2: 3,
  pwrite64: 3,
  pwritev: 3,
  pwritev2: 3,
  readahead: 1,
  select: 0,
  sync_file_range: 1,
  truncate64: 1,
};

/** What strace prints of socketcall(2) and ipc(2): the call inside. Whether it was made by itself, the text does not tell. */
const MULTIPLEXED = new Set(
  (
    'socket bind connect listen accept getsockname getpeername socketpair send recv sendto recvfrom shutdown setsockopt ' +
    'getsockopt sendmsg recvmsg accept4 recvmmsg sendmmsg semop semget semctl semtimedop msgsnd msgrcv msgget msgctl shmat ' +
    'shmdt shmget shmctl'
  ).split(' '),
);

/** Constants that have other numbers, where the convention is not x86-64's; those of ioctl(2) have sizes in them. */
const DIFFERENT = /\bO_(?:DIRECTORY|NOFOLLOW|DIRECT|LARGEFILE|TMPFILE)\b|\bF_\w*LKW?(?:64)?\b/;
const isDifferent = (arch: Arch, text: string, request: number): boolean =>
  arch.name !== 'x86_64' && (DIFFERENT.test(text) || (arch.bits === 32 && request > 0xffff && /^[A-Z]/.test(text)));

/** Put what a text tells of the arguments into `data`, which has the call's number. @param byNumber the text gave it */
export function setArgs(
  data: SeccompData,
  arch: Arch,
  name: string,
  { args, end }: SplitArgs,
  byNumber: boolean,
): void {
  const narrow = arch.bits === 32;
  if (narrow && !byNumber && MULTIPLEXED.has(name)) {
    data.known &= ~(1 << WORD.NR);
    return;
  }
  const told = Math.min(end < 0 ? args.length - 1 : args.length, narrow ? (WIDE[name] ?? MAX_ARGS) : MAX_ARGS);
  for (let i = 0; i < told; i++) {
    let text = args[i];
    let register = REGISTERS[name]?.[i] ?? i;
    if (name === 'clone') {
      const equals = text.indexOf('=');
      const registers = CLONE[text.slice(0, Math.max(0, equals))];
      if (equals >= 0 && registers === undefined) continue;
      if (equals >= 0) register = registers[arch.name === 'x86_64' ? 0 : 1];
      text = text.slice(equals + 1);
    }
    const value = argValue(text);
    if (value === undefined || isDifferent(arch, text, name === 'ioctl' ? value.low : 0)) continue;
    if (register < MAX_ARGS) data.setArg(register, value.low, narrow ? 0 : value.high, narrow || value.knownHigh);
  }
  if (narrow) for (let n = 0; n < MAX_ARGS; n++) data.known |= 2 << (WORD.ARGS + 2 * n);
}

/** The number of a name or of `syscall_0x…`; undefined where there is none. */
export function numberOf(arch: Arch, name: string): number | undefined {
  const unnamed = /^syscall_(0x[0-9a-f]{1,8})$/.exec(name);
  return unnamed ? Number(unnamed[1]) : arch.numberOf(name);
}

/**
 * A call that somebody wrote: a name or a number, and its arguments. @returns its name
 * @throws FormatError where it is none, or of no such system call
 */
export function readCall(text: string, arch: Arch, data: SeccompData): string {
  const found = /^\s*(\w+)\s*\(/.exec(text);
  if (!found) throw new FormatError(`not a system call: ${text}`);
  const [head, word] = found;
  const byNumber = /^(0x[0-9a-f]{1,8}|\d{1,10})$/i.test(word);
  const nr = byNumber ? Number(word) : numberOf(arch, word);
  if (nr === undefined || nr > 0xffff_ffff) throw new FormatError(`${arch.name} has no system call ${word}`);
  const split = splitArgs(text, head.length);
  if (split.end < 0 || text.slice(split.end + 1).trim() !== '') throw new FormatError(`not a system call: ${text}`);
  if (split.args.length > MAX_ARGS) throw new FormatError(`a system call has ${MAX_ARGS} arguments: ${text}`);
  const name = byNumber ? (arch.nameOf(nr) ?? word) : word;
  setArgs(data.reset(nr, arch.audit), arch, name, split, true);
  return name;
}
