/** PROG_TEST_RUN of programs without a packet (raw tracepoints, syscall programs), and the helpers they are tested with. */
import { onBackends } from '../backends.ts';
import { assemble } from '../../src/asm/index.ts';
import { errnoName } from '../../src/errors/index.ts';
import { encode } from '../../src/isa/index.ts';
import type { BpfSys, ProgTestRunAttr } from '../../src/sys/index.ts';
import { BPF_CMD, HELPER_NAMES, MAP_FLAG, PROG_TYPE } from '../../src/uapi/index.ts';
import { createMap, freeze, hex, u32, update } from './support.ts';

/** @kernel BPF_F_SLEEPABLE */
const SLEEPABLE = 16;
const TYPES = { raw_tp: PROG_TYPE.RAW_TRACEPOINT, syscall: PROG_TYPE.SYSCALL };
type TypeName = keyof typeof TYPES;

const call = (name: string): string => `call ${HELPER_NAMES.indexOf(name)}`;

function loaded(sys: BpfSys, type: TypeName, text: string, mapFd = 0): number {
  const { insns, mapRefs } = assemble(text);
  const patched = insns.map((insn, slot) => {
    const ref = mapRefs.find((r) => r.insn === slot);
    return ref === undefined ? insn : { ...insn, src: 2, imm: mapFd };
  });
  const progFlags = type === 'syscall' ? SLEEPABLE : 0;
  return sys.bpf(BPF_CMD.PROG_LOAD, { progType: TYPES[type], insns: encode(patched), license: 'GPL', progFlags });
}

/** `retval`, or the errno's name, and the context afterwards where it changed. */
function run(sys: BpfSys, progFd: number, attr: Partial<ProgTestRunAttr>): string {
  if (progFd < 0) return `load ${errnoName(progFd)}`;
  const full: ProgTestRunAttr = { progFd, ...attr };
  const before = attr.ctxIn && hex(attr.ctxIn);
  const result = sys.bpf(BPF_CMD.PROG_TEST_RUN, full);
  if (result < 0) return errnoName(result);
  const after = attr.ctxIn && hex(attr.ctxIn);
  return `${(full.retval ?? 0) | 0}${after === before ? '' : ` ${after}`}`;
}

onBackends('more-test-runs', {
  'contexts and arguments': ({ sys, ledger }) => {
    for (const type of ['raw_tp', 'syscall'] as const) {
      for (const offset of [0, 8]) {
        const store = type === 'syscall' ? '*(u32 *)(r1 + 0) = 77' : '';
        const fd = loaded(sys, type, `r0 = *(u64 *)(r1 + ${offset})\n${store}\nexit`);
        const asked = (attr: Partial<ProgTestRunAttr>): string => run(sys, fd, attr);
        for (const size of [0, 7, 8, 15, 16, 17, 96, 97]) {
          const ctxIn = Uint8Array.from({ length: size }, (_, i) => i + 1);
          ledger(`${type} reads ${offset}: context of ${size}`, asked({ ctxIn }));
        }
        for (const size of [65535, 65536]) {
          ledger(`${type} reads ${offset}: context of ${size}`, asked({ ctxIn: new Uint8Array(size) }).slice(0, 12));
        }
        const ctx = (): Uint8Array => new Uint8Array(16).fill(3);
        ledger(`${type} reads ${offset}: packet`, asked({ ctxIn: ctx(), dataIn: new Uint8Array(64) }));
        ledger(`${type} reads ${offset}: packet out`, asked({ ctxIn: ctx(), dataOut: new Uint8Array(64) }));
        ledger(`${type} reads ${offset}: context out`, asked({ ctxIn: ctx(), ctxOut: new Uint8Array(64) }));
        ledger(
          `${type} reads ${offset}: repeat`,
          [0, 1, 2].map((repeat) => asked({ ctxIn: ctx(), repeat })),
        );
        ledger(
          `${type} reads ${offset}: flags`,
          [0, 1, 2, 4, 8].map((flags) => asked({ ctxIn: ctx(), flags })),
        );
        ledger(`${type} reads ${offset}: CPU`, [
          asked({ ctxIn: ctx(), cpu: 1 }),
          asked({ ctxIn: ctx(), cpu: 300, flags: 1 }),
        ]);
        ledger(`${type} reads ${offset}: batch`, asked({ ctxIn: ctx(), batchSize: 1 }));
      }
      const untouched = loaded(sys, type, 'r0 = -5\nexit');
      ledger(`${type}: no context`, [run(sys, untouched, {}), run(sys, untouched, { ctxIn: new Uint8Array(3) })]);
    }
  },

  'reads from anywhere': ({ sys, ledger }) => {
    // The destination is full of ones before; r0 is what the helper says, the context shows what it wrote.
    const reads = (helper: string, size: number, from: string): string => `
      r6 = r1
      r1 = 0x1111111111111111 ll
      *(u64 *)(r10 - 16) = r1
      *(u64 *)(r10 - 8) = r1
      r1 = 0x0064636261
      *(u64 *)(r10 - 40) = r1
      *(u64 *)(r10 - 32) = r1
      r1 = r10
      r1 += -16
      r2 = ${size}
      r3 = ${from}
      ${from === 'r10' ? 'r3 += -40' : ''}
      ${call(helper)}
      r1 = *(u64 *)(r10 - 16)
      *(u64 *)(r6 + 0) = r1
      r1 = *(u64 *)(r10 - 8)
      *(u64 *)(r6 + 8) = r1
      exit`;
    for (const helper of [
      'probe_read_kernel',
      'probe_read_kernel_str',
      'probe_read_user',
      'probe_read_user_str',
      'copy_from_user',
    ]) {
      for (const [size, from] of [
        [8, 'r10'],
        [1, 'r10'],
        [3, 'r10'],
        [5, 'r10'],
        [16, 'r10'],
        [8, '0'],
        [8, '64'],
      ] as const) {
        // What user space has at an address is not known to the kernel's test run.
        if (from === 'r10' && /user/.test(helper)) continue;
        const fd = loaded(sys, 'syscall', reads(helper, size, from));
        ledger(`${helper} of ${size} from ${from}`, run(sys, fd, { ctxIn: new Uint8Array(16) }));
      }
    }
  },

  'numbers in text': ({ sys, ledger }) => {
    const texts = [
      '12',
      '-12',
      '  7x',
      '0x1f',
      '0X1F',
      '017',
      '08',
      '',
      ' ',
      '-',
      '+5',
      'x',
      '0x',
      '0xg',
      '-0x10',
      '9223372036854775807',
      '9223372036854775808',
      '-9223372036854775808',
      '-9223372036854775809',
      '18446744073709551615',
      '18446744073709551616',
      '99999999999999999999999',
      '1 2',
      '\t\n3',
      '00000012',
      '- 5',
      '0b11',
    ];
    for (const helper of ['strtol', 'strtoul']) {
      for (const base of [0, 8, 10, 16, 2, 36, 32]) {
        const answers: Record<string, string> = {};
        for (const text of base === 0 || base === 16 || base === 10 ? texts : ['12', '-12', '0x1f', '017']) {
          const bytes = Buffer.alloc(32);
          bytes.write(text, 'latin1');
          const value = (i: number): string => `0x${bytes.readBigUInt64LE(8 * i).toString(16)} ll`;
          const fd = loaded(
            sys,
            'syscall',
            `r6 = r1
            r1 = ${value(0)}
            *(u64 *)(r10 - 32) = r1
            r1 = ${value(1)}
            *(u64 *)(r10 - 24) = r1
            r1 = ${value(2)}
            *(u64 *)(r10 - 16) = r1
            r1 = ${value(3)}
            *(u64 *)(r10 - 8) = r1
            *(u64 *)(r10 - 40) = 0
            r1 = r10
            r1 += -32
            r2 = ${Math.max(1, text.length)}
            r3 = ${base}
            r4 = r10
            r4 += -40
            ${call(helper)}
            r1 = *(u64 *)(r10 - 40)
            *(u64 *)(r6 + 0) = r1
            exit`,
          );
          answers[JSON.stringify(text)] = run(sys, fd, { ctxIn: new Uint8Array(8) });
        }
        ledger(`${helper}, base ${base}`, answers);
      }
    }
  },

  'formatted text': ({ sys, ledger }) => {
    const formats = [
      'plain',
      '%d',
      '%u|%x',
      '%5d|%-5d|%05d',
      '%lld %llu %llx',
      '%c%c',
      '%%',
      '%d %d %d %d %d %d',
      '%i',
      '%px',
      '%X',
      '%+d',
      '% d',
      '%ld',
      '%lu',
    ];
    for (const format of formats) {
      const bytes = new Uint8Array(32);
      bytes.set(Buffer.from(format, 'latin1'));
      const map = createMap(sys, { valueSize: 32, maxEntries: 1, mapFlags: MAP_FLAG.RDONLY_PROG });
      update(sys, map, u32(0), bytes);
      freeze(sys, map);
      const conversions = format.replace(/%%/g, '').split('%').length - 1;
      for (const size of [0, 4, 24]) {
        const stores = [65, -7, 300, 0x7fffffff, 1, 2].map((value, i) => `*(u64 *)(r10 - ${48 - 8 * i}) = ${value}`);
        const fd = loaded(
          sys,
          'syscall',
          `r6 = r1
          ${stores.join('\n')}
          *(u64 *)(r10 - 72) = 0
          *(u64 *)(r10 - 64) = 0
          *(u64 *)(r10 - 56) = 0
          r1 = r10
          r1 += -72
          r2 = ${size}
          r3 = map[m]+0
          r4 = r10
          r4 += -48
          r5 = ${8 * conversions}
          ${call('snprintf')}
          r1 = *(u64 *)(r10 - 72)
          *(u64 *)(r6 + 0) = r1
          r1 = *(u64 *)(r10 - 64)
          *(u64 *)(r6 + 8) = r1
          r1 = *(u64 *)(r10 - 56)
          *(u64 *)(r6 + 16) = r1
          exit`,
          map,
        );
        ledger(`snprintf ${format}, ${size} bytes`, run(sys, fd, { ctxIn: new Uint8Array(24) }));
      }
    }
  },

  'comparing strings': ({ sys, ledger }) => {
    for (const text of ['abc', 'abd', 'abb', 'ab', 'abcd', '', 'b', '\u00ff']) {
      const constant = new Uint8Array(8);
      constant.set(Buffer.from('abc'));
      const map = createMap(sys, { valueSize: 8, maxEntries: 1, mapFlags: MAP_FLAG.RDONLY_PROG });
      update(sys, map, u32(0), constant);
      freeze(sys, map);
      const bytes = Buffer.alloc(8);
      bytes.write(text, 'latin1');
      for (const size of [1, 2, 3, 8]) {
        const fd = loaded(
          sys,
          'syscall',
          `r1 = 0x${bytes.readBigUInt64LE().toString(16)} ll
          *(u64 *)(r10 - 8) = r1
          r1 = r10
          r1 += -8
          r2 = ${size}
          r3 = map[m]+0
          ${call('strncmp')}
          exit`,
          map,
        );
        ledger(`${JSON.stringify(text)} of ${size} with abc`, run(sys, fd, {}));
      }
    }
  },
});
