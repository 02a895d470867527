/**
 * Programs: loading and unloading, and the program that is attached. A program of BPF_PROG_TYPE_UNSPEC is verified without
 * a place when it is loaded, and once more, as a program of the place, whenever it is attached.
 *
 * BPF_PROG_LOAD answers -EINVAL for an id or a type that is none, no set of attributes, instructions that are not whole, a
 * licence that is not compatible with the GPL, an id in the instructions that is no map's, a loop, and most of what the verifier
 * refuses; -EEXIST for an id that is taken; -EACCES where the program would touch what it may not; -E2BIG for more than 4096
 * instructions, or a licence of more than 127 bytes; -EFAULT where the caller has fewer bytes than it says; -ENOMEM. Why is printed.
 */
import { ERRNO } from '../errors/index.ts';
import { SLOT, decode, encode } from '../isa/index.ts';
import { BPF_CMD, PROG_TYPE } from '../uapi/index.ts';
import { bytesOf } from './caller.ts';
import type { Bytes, Caller } from './caller.ts';
import {
  BPF_PROG_LICENSE,
  BPF_PROG_TEXT,
  BPF_PROG_TYPE_SOCKET_FILTER,
  BPF_PROG_TYPE_TRACING_FILTER,
  BPF_PROG_TYPE_UNSPEC,
} from './constants.ts';
import { translateMapIds } from './map-ids.ts';
import { checkNewId } from './namespace.ts';
import type { HeldMap, HeldProgram } from './namespace.ts';
import { readAttributes } from './netlink.ts';

/** What programs of each type are in the subsystem. */
const TYPES: ReadonlyMap<number, number> = new Map([
  [BPF_PROG_TYPE_UNSPEC, PROG_TYPE.UNSPEC],
  [BPF_PROG_TYPE_SOCKET_FILTER, PROG_TYPE.SOCKET_FILTER],
  [BPF_PROG_TYPE_TRACING_FILTER, PROG_TYPE.TRACEPOINT],
]);

const MAX_INSNS = 4096;
/** Bytes of a licence, its end included. */
const MAX_LICENSE = 128;
const ATTRIBUTES = new Map([
  [BPF_PROG_TEXT, { min: SLOT, max: MAX_INSNS * SLOT }],
  [BPF_PROG_LICENSE, { min: 1, max: MAX_LICENSE }],
]);

/** @returns the id */
export function progLoad(caller: Caller, id: number, type: number, nlattr: Bytes, length: number): number {
  const { names } = caller;
  const refused = checkNewId(names.programs, id);
  if (refused) return refused;
  const progType = TYPES.get(type);
  if (progType === undefined) return -ERRNO.EINVAL;
  const attributes = readAttributes(bytesOf(nlattr), length, ATTRIBUTES);
  if (typeof attributes === 'number') return attributes;
  const text = attributes.get(BPF_PROG_TEXT);
  const license = licenseText(attributes.get(BPF_PROG_LICENSE));
  if (text === undefined || text.length % SLOT !== 0 || license === undefined) return -ERRNO.EINVAL;
  const maps = new Set<HeldMap>();
  const insns = translateMapIds(decode(text), (mapId) => {
    const map = names.maps.get(mapId);
    if (map !== undefined) maps.add(map);
    return map?.fd;
  });
  if (typeof insns === 'string') return refuse(caller, insns);
  const source = { insns: encode(insns), license };
  const fd = load(caller, source, progType);
  if (fd < 0) return fd;
  for (const map of maps) map.hold();
  names.programs.set(id, { ...source, fd, type, maps: [...maps] });
  return id;
}

/** One character a byte, up to the NUL that ends it, if there is one. @returns undefined where something follows it */
function licenseText(bytes: Uint8Array = new Uint8Array(0)): string | undefined {
  const nul = bytes.indexOf(0);
  if (nul >= 0 && nul !== bytes.length - 1) return undefined;
  const text = nul < 0 ? bytes : bytes.subarray(0, nul);
  return text.length < MAX_LICENSE ? String.fromCharCode(...text) : undefined;
}

const LOG_SIZE = 1 << 20;

/** @returns a descriptor or -errno */
function load(
  { kernel, printk }: Caller,
  { insns, license }: Pick<HeldProgram, 'insns' | 'license'>,
  progType: number,
): number {
  const attr = { progType, insns, license };
  const fd = kernel.bpf(BPF_CMD.PROG_LOAD, attr);
  if (fd >= 0 || printk === undefined) return fd;
  // Once more, for what a kernel prints.
  const logBuf = new Uint8Array(LOG_SIZE);
  kernel.bpf(BPF_CMD.PROG_LOAD, { ...attr, logLevel: 1, logBuf });
  const log = new TextDecoder().decode(logBuf.subarray(0, logBuf.indexOf(0)));
  for (const line of log.split('\n')) if (line !== '') printk(line);
  return fd;
}

export function progUnload({ kernel, names }: Caller, id: number): number {
  const program = names.programs.get(id);
  if (program === undefined) return -ERRNO.EINVAL;
  names.programs.delete(id);
  kernel.close(program.fd);
  for (const map of program.maps) map.drop();
  return 0;
}

/**
 * Call `body` with a descriptor of the program as a place is given it, which is open until `body` returns.
 * @param type of programs that the place takes, one of PROG_TYPE
 * @returns what `body` does; -EINVAL: the id is no program's, or one of another type's; what the verifier says of a program
 *   for no place
 */
export function withProgram<T>(caller: Caller, id: number, type: number, body: (fd: number) => T): T | number {
  const { kernel, names } = caller;
  const program = names.programs.get(id);
  if (program === undefined) return refuse(caller, `there is no program ${id}`);
  if (program.type !== BPF_PROG_TYPE_UNSPEC)
    return TYPES.get(program.type) === type ? body(program.fd) : refuse(caller, `program ${id} is for another place`);
  const fd = load(caller, program, type);
  if (fd < 0) return fd;
  try {
    return body(fd);
  } finally {
    kernel.close(fd);
  }
}

function refuse({ printk }: Caller, why: string): number {
  printk?.(why);
  return -ERRNO.EINVAL;
}
