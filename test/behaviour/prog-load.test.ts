/** PROG_LOAD: every argument but the instructions' meaning, on both backends. */
import { expect } from 'vitest';
import { onBackends } from '../backends.ts';
import { errnoName } from '../../src/errors/index.ts';
import type { BpfSys, ProgLoadAttr } from '../../src/sys/index.ts';
import { PROG_TYPE, PROG_TYPE_NAMES } from '../../src/uapi/index.ts';
import {
  NO_CAPS,
  REFUSED,
  btfBlob,
  cap,
  createMap,
  filled,
  INT,
  load,
  loadBtf,
  loadsMap,
  outcome,
  returns,
  u32,
} from './support.ts';

const loaded = (sys: BpfSys, attr: Partial<ProgLoadAttr>): string => outcome(sys, load(sys, attr));

/** The errno, the size that is told, and the text in the buffer; the kernel's own time is taken out. */
function logged(sys: BpfSys, attr: Partial<ProgLoadAttr>, room: number): [string, number, string] {
  const logBuf = filled(room, 0xee);
  const full = { progType: PROG_TYPE.SOCKET_FILTER, insns: REFUSED, license: 'GPL', logBuf, ...attr };
  const result = outcome(sys, sys.bpf(5, full));
  const end = logBuf.indexOf(0);
  return [
    result,
    (full as ProgLoadAttr).logTrueSize ?? 0,
    end < 0 ? '' : Buffer.from(logBuf.subarray(0, end)).toString(),
  ];
}

/** Types whose programs the verifier of this project takes today. */
const VERIFIED = [PROG_TYPE.SOCKET_FILTER, PROG_TYPE.SCHED_CLS, PROG_TYPE.XDP, PROG_TYPE.TRACEPOINT] as const;

onBackends('prog-load', {
  'instructions, licence, name': ({ sys, ledger }) => {
    ledger('no instruction', loaded(sys, { insns: new Uint8Array() }));
    ledger('a million and one', loaded(sys, { insns: new Uint8Array(8 * 1_000_001) }));
    ledger('half an instruction', loaded(sys, { insns: returns(0).subarray(0, 12) }));
    for (const license of ['', 'GPL', 'Proprietary', 'x'.repeat(127)])
      ledger(`licence '${license}'`, loaded(sys, { license }));
    for (const progName of ['', 'a_.Z', 'a'.repeat(15), 'a'.repeat(16), 'a-b', 'a b', 'é']) {
      ledger(`name '${progName}'`, loaded(sys, { progName }));
    }
    ledger('kernel version', loaded(sys, { kernVersion: 0x999999 }));
  },

  'types, flags, devices, attach arguments': ({ sys, ledger }) => {
    for (const progType of [0, 33, 34, 100, 0xffffffff]) ledger(`type ${progType}`, loaded(sys, { progType }));
    for (let bit = 0; bit < 32; bit++) {
      if (bit === 4) continue; // BPF_F_SLEEPABLE is the verifier's
      ledger(`flag ${bit}`, loaded(sys, { progFlags: 2 ** bit }));
    }
    ledger('device, socket_filter', loaded(sys, { progIfindex: 1 }));
    ledger('no such device, xdp', loaded(sys, { progType: PROG_TYPE.XDP, progIfindex: 99999 }));
    for (const progType of VERIFIED) {
      const name = PROG_TYPE_NAMES[progType];
      ledger(
        `${name}: attach types`,
        [0, 1, 33, 37, 59, 0xffffffff].map((expectedAttachType) => loaded(sys, { progType, expectedAttachType })),
      );
      ledger(`${name}: BTF id`, loaded(sys, { progType, attachBtfId: 1 }));
      ledger(`${name}: program`, loaded(sys, { progType, attachProgFd: 3 }));
    }
    // What another attach type refuses is refused before the verifier is asked.
    for (const progType of [8, 9, 18, 21, 25, 30, 32]) {
      const name = PROG_TYPE_NAMES[progType];
      for (let expectedAttachType = 0; expectedAttachType < 60; expectedAttachType++) {
        const result = loaded(sys, { progType, expectedAttachType, insns: returns(1) });
        ledger(`${name}: attach type ${expectedAttachType}`, result === 'EINVAL' ? 'refused' : 'passed on');
      }
    }
  },

  'which error comes first': ({ sys, ledger }) => {
    const insns = new Uint8Array();
    const records = { progBtfFd: 999, funcInfo: u32(0, 3), funcInfoRecSize: 8 };
    const cases: Record<string, Partial<ProgLoadAttr>> = {
      'no type, bad name': { progType: 0, progName: 'a-' },
      'no type, no instruction': { progType: 0, insns },
      'no instruction, unknown flag': { insns, progFlags: 2 ** 20 },
      'no instruction, bad attach type': { insns, progType: 9, expectedAttachType: 55 },
      'bad BTF, bad attach type': { ...records, progType: 9, expectedAttachType: 55 },
      'bad BTF, bad name': { ...records, progName: 'a-' },
      'bad BTF, no type': { ...records, progType: 0 },
      'bad BTF, bad log': { ...records, logLevel: 99, logBuf: filled(9, 0) },
      'bad BTF, bad program': { ...records, insns: REFUSED },
      'bad BTF, no records': { progBtfFd: 999 },
    };
    for (const [name, attr] of Object.entries(cases)) ledger(name, loaded(sys, attr));
  },

  'log: levels and buffers': ({ sys, ledger }) => {
    for (const logLevel of [undefined, 0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 32, 0xffffffff]) {
      ledger(`level ${logLevel}`, loaded(sys, { logLevel, logBuf: filled(4096, 0) }));
      ledger(`level ${logLevel}, no buffer`, loaded(sys, { logLevel }));
    }
  },

  'log: a buffer that is too short': ({ sys, ledger }) => {
    for (const room of [1, 2, 5, 30, 60, 100, 142, 143, 144, 4096]) {
      ledger(`${room} bytes`, logged(sys, { logLevel: 1 }, room));
      ledger(`${room} bytes, fixed`, logged(sys, { logLevel: 1 | 8 }, room));
      ledger(`${room} bytes, accepted`, logged(sys, { logLevel: 1, insns: returns(0) }, room));
    }
    const attr = { progType: PROG_TYPE.SOCKET_FILTER, insns: REFUSED, license: 'GPL', logLevel: 1, logTrueSize: 0 };
    ledger('no buffer', [outcome(sys, sys.bpf(5, attr)), attr.logTrueSize]);
  },

  maps: ({ sys, ledger }) => {
    const map = createMap(sys);
    ledger('a map', loaded(sys, { insns: loadsMap(map) }));
    ledger('a closed descriptor', loaded(sys, { insns: loadsMap(999) }));
    ledger('a program', loaded(sys, { insns: loadsMap(load(sys)) }));
    ledger('by index', loaded(sys, { insns: loadsMap(0, 5), fdArray: [map] }));
    ledger('by index, closed', loaded(sys, { insns: loadsMap(0, 5), fdArray: [999] }));
  },

  'function and line records': ({ sys, ledger }) => {
    const types = Uint8Array.from([...INT, ...u32(0, 13 << 24, 1), ...u32(5, 12 << 24, 2)]);
    const progBtfFd = loadBtf(sys, btfBlob({ types, strings: '\0int\0f\0r0 = 0\0' }));
    const funcInfo = u32(0, 3);
    const lineInfo = u32(0, 7, 7, (1 << 10) | 1);
    const func = { funcInfo, funcInfoRecSize: 8 };
    const line = { lineInfo, lineInfoRecSize: 16 };
    expect(progBtfFd).toBeGreaterThan(2);
    ledger('functions', loaded(sys, { progBtfFd, ...func }));
    ledger('functions and lines', loaded(sys, { progBtfFd, ...func, ...line }));
    ledger('no BTF', loaded(sys, func));
    ledger('lines, no BTF', loaded(sys, line));
    ledger('closed BTF', loaded(sys, { progBtfFd: 999, ...func }));
    ledger('a map for BTF', loaded(sys, { progBtfFd: createMap(sys), ...func }));
  },

  'who may': ({ withCaps, ledger }) => {
    const holders = {
      nobody: NO_CAPS,
      CAP_BPF: cap('BPF'),
      'CAP_BPF, CAP_NET_ADMIN': cap('BPF') | cap('NET_ADMIN'),
      'CAP_BPF, CAP_PERFMON': cap('BPF') | cap('PERFMON'),
      CAP_NET_ADMIN: cap('NET_ADMIN'),
      CAP_SYS_ADMIN: cap('SYS_ADMIN'),
    };
    for (const [who, held] of Object.entries(holders)) {
      withCaps(held, (sys) => {
        for (let progType = 1; progType < 33; progType++) {
          if ([20, 26, 27, 28, 29].includes(progType)) continue; // configuration and lockdown decide these
          const refused = load(sys, { progType, insns: returns(1) });
          if (refused >= 0) sys.close(refused);
          const permission = errnoName(refused) === 'EPERM' ? 'EPERM' : 'may';
          ledger(`${who}: ${PROG_TYPE_NAMES[progType]}, permission`, permission);
        }
        ledger(`${who}: no type`, loaded(sys, { progType: 99 }));
        ledger(`${who}: no instruction`, loaded(sys, { insns: new Uint8Array() }));
        ledger(`${who}: unknown flag`, loaded(sys, { progFlags: 2 ** 20 }));
        ledger(`${who}: xdp without instructions`, loaded(sys, { progType: PROG_TYPE.XDP, insns: new Uint8Array() }));
        ledger(`${who}: xdp with a bad name`, loaded(sys, { progType: PROG_TYPE.XDP, progName: 'a-' }));
      });
    }
  },
});
