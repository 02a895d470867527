/** Random programs on the interpreter and on Linux: every register and the stack must come out alike. */
import { formatProgram } from '../../src/asm/index.ts';
import { encode } from '../../src/isa/index.ts';
import type { Instruction } from '../../src/isa/index.ts';
import { createKernel } from '../../src/kernel/index.ts';
import { LinuxUnavailableError, openLinux } from '../../src/linux/index.ts';
import type { LinuxSys } from '../../src/linux/index.ts';
import type { BpfSys, ProgLoadAttr } from '../../src/sys/index.ts';
import { BPF_CMD, MAP_TYPE, PROG_TYPE } from '../../src/uapi/index.ts';
import { Random } from '../../src/util/index.ts';
import { VALUE_SIZE, randomProgram, randomValue } from '../support/random-programs.ts';
import type { Campaign } from './campaign.ts';

/** Random instructions of a program, and inputs that it is run on. */
const LENGTH = 60;
const INPUTS = 3;

const kernel = createKernel();
let linux: LinuxSys | undefined;
let whyNot = '';
try {
  linux = await openLinux();
} catch (error) {
  if (!(error instanceof LinuxUnavailableError)) throw error;
  whyNot = error.message;
}

const KEY = new Uint8Array(4);

/** The map's value after each run, in hexadecimal, or why there is none. */
function outputs(
  sys: BpfSys,
  load: (attr: ProgLoadAttr) => number,
  make: (mapFd: number) => Instruction[],
  inputs: readonly Uint8Array[],
): string[] {
  const mapFd = sys.bpf(BPF_CMD.MAP_CREATE, {
    mapType: MAP_TYPE.ARRAY,
    keySize: 4,
    valueSize: VALUE_SIZE,
    maxEntries: 1,
  });
  const progFd = load({ progType: PROG_TYPE.SOCKET_FILTER, insns: encode(make(mapFd)), license: 'GPL' });
  const run = (value: Uint8Array): string => {
    const after = new Uint8Array(VALUE_SIZE);
    const results = [
      sys.bpf(BPF_CMD.MAP_UPDATE_ELEM, { mapFd, key: KEY, value }),
      sys.bpf(BPF_CMD.PROG_TEST_RUN, { progFd, dataIn: new Uint8Array(14) }),
      sys.bpf(BPF_CMD.MAP_LOOKUP_ELEM, { mapFd, key: KEY, value: after }),
    ];
    if (results.some((result) => result !== 0)) return `update, run, look-up answer ${results.join(', ')}`;
    return Buffer.from(after).toString('hex').replace(/.{16}/g, '$& ').trim();
  };
  const found = progFd < 0 ? [`PROG_LOAD answers ${progFd}`] : inputs.map(run);
  if (progFd >= 0) sys.close(progFd);
  sys.close(mapFd);
  return found;
}

function runCase(seed: number, caseNumber: number): string | undefined {
  const sys = linux as LinuxSys;
  const at = (seed + Math.imul(caseNumber, 0x9e3779b1)) >>> 0;
  const make = (mapFd: number): Instruction[] => randomProgram(new Random(at), LENGTH, mapFd);
  const values = new Random(~at);
  const inputs = Array.from({ length: INPUTS }, () => randomValue(values));
  const ours = outputs(kernel, (attr) => kernel.loadUnverified(attr), make, inputs).join('\n');
  const theirs = outputs(sys, (attr) => sys.bpf(BPF_CMD.PROG_LOAD, attr), make, inputs).join('\n');
  if (ours === theirs) return undefined;
  const given = inputs.map((value) => Buffer.from(value).toString('hex')).join('\n');
  return `expected r0-r8 and the stack:\n${theirs}\nactual:\n${ours}\ninput:\n${given}\n${formatProgram(make(0)).join('\n')}`;
}

export const campaign: Campaign = {
  name: 'interpreter',
  summary: 'random programs on the interpreter and on Linux: registers and stack',
  defaultCount: 200_000,
  unavailable: () => whyNot || undefined,
  runCase,
};
