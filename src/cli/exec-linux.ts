/**
 * A conformance program on the real kernel, as a sub-program of a `syscall` program: the memory is the value of an
 * array's only element, so that r1 is that value's address and r2 its length. A test run returns 32 bits of r0, so it is
 * run twice, once for each half. What the verifier refuses is not run: the answer is its last line.
 */
import { BpfError } from '../errors/index.ts';
import { LD_IMM64, encode } from '../isa/index.ts';
import type { Instruction } from '../isa/index.ts';
import type { BpfSys } from '../sys/index.ts';
import { BPF_CMD, CALL_PSEUDO, MAP_TYPE, PROG_FLAG, PROG_TYPE, PSEUDO } from '../uapi/index.ts';
import type { Outcome } from './exec-interp.ts';

const LOG_SIZE = 1 << 20;

/** Run a program on a copy of the memory. */
export function execLinux(sys: BpfSys, insns: readonly Instruction[], mem: Uint8Array | undefined): Outcome {
  let r0 = 0n;
  for (const high of [false, true]) {
    const half = runHalf(sys, insns, mem ?? new Uint8Array(0), high);
    if (typeof half === 'string') return { stopped: half };
    r0 |= BigInt(half >>> 0) << (high ? 32n : 0n);
  }
  return { r0 };
}

/** One half of r0, or why there is none. */
function runHalf(sys: BpfSys, insns: readonly Instruction[], mem: Uint8Array, high: boolean): number | string {
  const mapFd = mem.length ? makeMemory(sys, mem) : 0;
  if (mapFd < 0) return new BpfError(mapFd, 'BPF_MAP_CREATE').message;
  try {
    return loadAndRun(sys, wrapped(insns, mapFd, mem.length, high));
  } finally {
    if (mapFd) sys.close(mapFd);
  }
}

/** @returns the descriptor of an array whose only value is the memory, or -errno. */
function makeMemory(sys: BpfSys, mem: Uint8Array): number {
  const mapFd = sys.bpf(BPF_CMD.MAP_CREATE, {
    mapType: MAP_TYPE.ARRAY,
    keySize: 4,
    valueSize: mem.length,
    maxEntries: 1,
  });
  if (mapFd < 0) return mapFd;
  const errno = sys.bpf(BPF_CMD.MAP_UPDATE_ELEM, { mapFd, key: new Uint8Array(4), value: mem });
  if (errno === 0) return mapFd;
  sys.close(mapFd);
  return errno;
}

const insn = (opcode: number, dst: number, src: number, imm: number): Instruction => ({
  opcode,
  dst,
  src,
  off: 0,
  imm,
});

/** `call` the program behind this prologue with its arguments, and return one half of r0. */
function wrapped(insns: readonly Instruction[], mapFd: number, length: number, high: boolean): Instruction[] {
  const memory = mapFd ? [insn(LD_IMM64, 1, PSEUDO.MAP_VALUE, mapFd), insn(0, 0, 0, 0)] : [insn(0xb7, 1, 0, 0)];
  const half = high ? [insn(0x77, 0, 0, 32)] : [];
  return [
    ...memory,
    insn(0xb7, 2, 0, length),
    insn(0x85, 0, CALL_PSEUDO.CALL, half.length + 1),
    ...half,
    insn(0x95, 0, 0, 0),
    ...insns,
  ];
}

/** The low word of r0, or why there is none. */
function loadAndRun(sys: BpfSys, insns: readonly Instruction[]): number | string {
  const logBuf = new Uint8Array(LOG_SIZE);
  const progFd = sys.bpf(BPF_CMD.PROG_LOAD, {
    progType: PROG_TYPE.SYSCALL,
    insns: encode(insns),
    license: 'GPL',
    progFlags: PROG_FLAG.SLEEPABLE,
    logLevel: 1,
    logBuf,
  });
  if (progFd < 0) return `the kernel refuses it: ${lastLine(logBuf) || new BpfError(progFd, 'BPF_PROG_LOAD').message}`;
  try {
    const attr = { progFd, retval: 0 };
    const errno = sys.bpf(BPF_CMD.PROG_TEST_RUN, attr);
    return errno < 0 ? new BpfError(errno, 'BPF_PROG_TEST_RUN').message : attr.retval;
  } finally {
    sys.close(progFd);
  }
}

/** The log's last telling line. */
function lastLine(log: Uint8Array): string {
  const text = new TextDecoder().decode(log.subarray(0, Math.max(0, log.indexOf(0))));
  const lines = text.split('\n').filter((line) => line && !line.startsWith('processed '));
  return lines.at(-1) ?? '';
}
