/** PROG_TEST_RUN on both backends: what programs see, what comes back, and what is refused. */
import { onBackends } from '../backends.ts';
import { assemble } from '../../src/asm/index.ts';
import { errnoName } from '../../src/errors/index.ts';
import { encode } from '../../src/isa/index.ts';
import type { BpfSys, ProgTestRunAttr } from '../../src/sys/index.ts';
import { BPF_CMD, PROG_TYPE } from '../../src/uapi/index.ts';
import { SK_BUFF } from '../../src/contracts/index.ts';
import { hex } from './support.ts';

type Attr = Omit<ProgTestRunAttr, 'progFd'>;

/** Ethernet to another host, IPv4, then bytes that count up: 100 bytes. */
const FRAME = Uint8Array.from([
  ...[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0],
  ...Array.from({ length: 86 }, (_, i) => 0x45 + i),
]);

const TYPES = { socket_filter: PROG_TYPE.SOCKET_FILTER, sched_cls: PROG_TYPE.SCHED_CLS, xdp: PROG_TYPE.XDP } as const;
type TypeName = keyof typeof TYPES;
const SKB_TYPES: readonly TypeName[] = ['socket_filter', 'sched_cls'];

/** A loaded program, for several runs. */
class Loaded {
  readonly #sys: BpfSys;
  readonly #fd: number;
  constructor(sys: BpfSys, progType: number, text: string) {
    this.#sys = sys;
    const { insns } = assemble(text);
    this.#fd = sys.bpf(BPF_CMD.PROG_LOAD, { progType, insns: encode(insns), license: 'GPL' });
    if (this.#fd < 0) throw new Error(`${errnoName(this.#fd)}: ${text}`);
  }

  /** The errno's name, or `ok`, and what the run wrote. */
  run(attr: Attr = {}): { errno: string } & ProgTestRunAttr {
    const full: ProgTestRunAttr = { progFd: this.#fd, dataIn: FRAME, ...attr };
    const errno = this.#sys.bpf(BPF_CMD.PROG_TEST_RUN, full);
    return { errno: errno < 0 ? errnoName(errno) : 'ok', ...full };
  }

  /** The return value in hexadecimal, or the errno's name. */
  returns(attr: Attr = {}): string {
    const { errno, retval } = this.run(attr);
    return errno === 'ok' ? `0x${(retval ?? 0).toString(16)}` : errno;
  }

  close(): void {
    this.#sys.close(this.#fd);
  }
}

/** Load, run once, close. */
function once<T>(sys: BpfSys, type: TypeName, text: string, use: (program: Loaded) => T): T {
  const program = new Loaded(sys, TYPES[type], text);
  try {
    return use(program);
  } finally {
    program.close();
  }
}

const returned = (sys: BpfSys, type: TypeName, text: string, attr?: Attr): string =>
  once(sys, type, text, (program) => program.returns(attr));

/** Neighbouring numbers with the same answer as one: `0-13 EINVAL`. */
function ranges(numbers: readonly number[], answer: (n: number) => string): string[] {
  const runs: { first: number; last: number; text: string }[] = [];
  for (const n of numbers) {
    const text = answer(n);
    const run = runs.at(-1);
    if (run?.text === text) run.last = n;
    else runs.push({ first: n, last: n, text });
  }
  return runs.map(({ first, last, text }) => `${first === last ? first : `${first}-${last}`} ${text}`);
}

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** A `__sk_buff` or `xdp_md` with words set at offsets. */
function context(size: number, words: Readonly<Record<number, number>>): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  for (const [at, word] of Object.entries(words)) view.setUint32(Number(at), word, true);
  return bytes;
}
const skb = (words: Readonly<Record<number, number>> = {}): Uint8Array => context(192, words);
const xdp = (...words: number[]): Uint8Array => context(24, words);

/** An Ethernet frame of a type, with a body. */
const frame = (type: number, body: readonly number[], to = [2, 2, 2, 2, 2, 2]): Uint8Array =>
  Uint8Array.from([...to, 2, 2, 2, 2, 2, 2, type >> 8, type & 255, ...body]);

const load = (offset: number, size = 'u32'): string => `r0 = *(${size} *)(r1 +${offset})\nexit`;
const SPAN = 'r2 = *(u32 *)(r1 +0)\nr0 = *(u32 *)(r1 +4)\nr0 -= r2\nexit';
const ZERO = 'r0 = 0\nexit';

onBackends('test-run', {
  'sizes of frames': ({ sys, ledger }) => {
    for (const type of Object.keys(TYPES) as TypeName[]) {
      once(sys, type, ZERO, (program) => {
        const answers = (sizes: readonly number[], make: (size: number) => Uint8Array): string[] =>
          ranges(sizes, (size) => program.run({ dataIn: make(size) }).errno);
        const sizes = [...upTo(40), 1500, 3711, 3712, 3713, 4096, 9000, 65535, 73152, 73153, 100000];
        ledger(
          `${type}: zeros`,
          answers(sizes, (size) => new Uint8Array(size)),
        );
        for (const ether of [0x0800, 0x86dd]) {
          const whole = frame(ether, new Array<number>(50).fill(0x45));
          ledger(
            `${type}: type ${ether.toString(16)}`,
            answers(upTo(60), (size) => whole.slice(0, size)),
          );
        }
        ledger(`${type}: no data`, program.run({ dataIn: undefined }).errno);
      });
    }
  },

  'flags, CPU, batch': ({ sys, ledger }) => {
    for (const type of SKB_TYPES) {
      once(sys, type, ZERO, (program) => {
        ledger(
          `${type}: flags`,
          ranges([0, 1, 2, 4, 8, 16], (flags) => program.run({ flags }).errno),
        );
        ledger(
          `${type}: cpu`,
          ranges([0, 1, 2, 100], (cpu) => program.run({ cpu }).errno),
        );
        ledger(`${type}: batch`, program.run({ batchSize: 1 }).errno);
      });
    }
    once(sys, 'xdp', ZERO, (program) => {
      ledger(
        'xdp: flags',
        ranges([0, 1, 3, 4, 8, 16], (flags) => program.run({ flags }).errno),
      );
      ledger('xdp: cpu', program.run({ cpu: 1 }).errno);
      ledger('xdp: batch', program.run({ batchSize: 1 }).errno);
    });
  },

  'fields that a program sees': ({ sys, ledger }) => {
    const fields = ['len', 'pkt_type', 'mark', 'queue_mapping', 'protocol', 'vlan_present', 'vlan_tci', 'vlan_proto'];
    fields.push('priority', 'ingress_ifindex', 'ifindex', 'tc_index', 'hash', 'napi_id', 'gso_segs', 'gso_size');
    const more = ['tc_classid', 'wire_len'];
    for (const type of SKB_TYPES) {
      for (const { name, offset } of SK_BUFF.fields) {
        if (!fields.includes(name) && (type !== 'sched_cls' || !more.includes(name))) continue;
        ledger(`${type}: ${name}`, [
          returned(sys, type, load(offset)),
          returned(sys, type, load(offset), { ctxIn: skb() }),
          returned(sys, type, load(offset), { dataIn: frame(0x8100, new Array<number>(46).fill(1)) }),
        ]);
      }
      ledger(`${type}: sk`, returned(sys, type, 'r2 = *(u64 *)(r1 +168)\nr0 = 1\nif r2 == 0 goto pc+1\nr0 = 2\nexit'));
    }
    ledger('sched_cls: tstamp', returned(sys, 'sched_cls', load(152, 'u64')));
    ledger('sched_cls: tstamp_type', returned(sys, 'sched_cls', load(180, 'u8')));
    ledger('sched_cls: data_end - data', returned(sys, 'sched_cls', SPAN.replace('+0', '+76').replace('+4', '+80')));
    ledger('sched_cls: data - data_meta', returned(sys, 'sched_cls', SPAN.replace('+0', '+140').replace('+4', '+76')));
    ledger(
      'xdp: data_end - data',
      ranges([14, 1500, 3520, 3521, 9000], (size) => returned(sys, 'xdp', SPAN, { dataIn: new Uint8Array(size) })),
    );
    ledger('xdp: ifindex, queue', [returned(sys, 'xdp', load(12)), returned(sys, 'xdp', load(16))]);
  },

  'parts of fields': ({ sys, ledger }) => {
    const ctxIn = skb({
      8: 0x89abcdef,
      32: 0x89abcdef,
      36: 0x89abcdef,
      48: 0x89abcdef,
      160: 300,
      164: 0x1234,
      176: 0x89abcdef,
    });
    const store = (at: number): string => `*(u32 *)(r1 +${at}) = 0x5678\n`;
    for (const type of SKB_TYPES) {
      for (const at of [0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 68, 72, 84, 164, 176]) {
        if (type === 'socket_filter' && at === 72) continue;
        const before = type === 'sched_cls' && [12, 44, 72].includes(at) ? store(at) : '';
        const part = (offset: number, size: string): string =>
          returned(sys, type, before + load(at + offset, size), { ctxIn });
        const bytes = [0, 1, 2, 3].map((offset) => part(offset, 'u8'));
        ledger(`${type}: at ${at}`, [...bytes, part(0, 'u16'), part(2, 'u16'), part(0, 'u32')]);
      }
    }
  },

  'protocol and packet type': ({ sys, ledger }) => {
    const body = [0xaa, 0xaa, 3, ...upTo(60)];
    once(sys, 'sched_cls', load(16), (program) => {
      const types = [0, 1, 0x40, 0x5dc, 0x5ff, 0x600, 0x800, 0x806, 0x8100, 0x86dd, 0x88a8, 0xffff];
      ledger(
        'ether types',
        ranges(types, (type) => program.returns({ dataIn: frame(type, body) })),
      );
      ledger(
        'lengths, Novell',
        ranges(types, (type) => program.returns({ dataIn: frame(type, [0xff, 0xff, ...body]) })),
      );
      ledger(
        'cut',
        ranges([14, 15, 16, 17], (size) => program.returns({ dataIn: frame(64, [0xff, 0xff, 1]).slice(0, size) })),
      );
    });
    const first = [
      [0, 0, 0, 0, 0, 0],
      [0, 0, 0, 0, 0, 1],
      [1, 0, 0, 0, 0, 0],
      [2, 0, 0, 0, 0, 0],
      [255, 255, 255, 255, 255, 255],
      [0x33, 0x33, 0, 0, 0, 1],
    ];
    for (const type of SKB_TYPES) {
      once(sys, type, load(4), (program) =>
        ledger(
          `${type}: destinations`,
          first.map((to) => program.returns({ dataIn: frame(0x806, body, to) })),
        ),
      );
    }
  },

  'contexts given to __sk_buff': ({ sys, ledger }) => {
    for (const type of SKB_TYPES) {
      once(sys, type, ZERO, (program) => {
        const one = (at: number): Uint8Array => Uint8Array.from(upTo(192), (i) => (i === at ? 1 : 0));
        ledger(
          `${type}: each byte`,
          ranges(upTo(192), (at) => (at > 40 && at < 44 ? 'other device' : program.run({ ctxIn: one(at) }).errno)),
        );
        ledger(
          `${type}: sizes`,
          ranges([0, 1, 40, 191, 192, 193, 4096, 4097], (size) => program.run({ ctxIn: new Uint8Array(size) }).errno),
        );
        ledger(`${type}: something behind it`, program.run({ ctxIn: Uint8Array.of(...skb(), 1) }).errno);
        const word = (at: number, word: number): string => program.run({ ctxIn: skb({ [at]: word }) }).errno;
        const wire = [1, 85, 86, 87, 99, 100, 101, 65535, 65536, 65537, 0x80000000];
        ledger(
          `${type}: wire_len`,
          ranges(wire, (length) => word(160, length)),
        );
        ledger(
          `${type}: gso_segs`,
          ranges([1, 65535, 65536], (segments) => word(164, segments)),
        );
        ledger(`${type}: ifindex`, [word(40, 1), word(40, 0x12345678)]);
        ledger(`${type}: other device and bad field`, program.run({ ctxIn: skb({ 0: 1, 40: 0x12345678 }) }).errno);
        ledger(`${type}: short frame and too much context`, [
          program.run({ dataIn: FRAME.slice(0, 10), ctxIn: new Uint8Array(5000) }).errno,
          program.run({ dataIn: FRAME.slice(0, 20), ctxIn: new Uint8Array(5000) }).errno,
          program.run({ flags: 1, ctxIn: new Uint8Array(5000) }).errno,
        ]);
      });
      for (const { name, offset, size } of SK_BUFF.fields) {
        if (!/^(mark|priority|ingress_ifindex|cb|gso_segs|gso_size|wire_len|tstamp|hwtstamp)$/.test(name)) continue;
        if (type === 'socket_filter' && /wire_len|tstamp/.test(name)) continue;
        const text = load(offset, size === 8 ? 'u64' : 'u32');
        const words = [1, 0x1234, 0xffff, 0x12345, 0x89abcdef];
        ledger(
          `${type}: ${name} as seen`,
          words.map((word) => returned(sys, type, text, { ctxIn: skb({ [offset]: word }) })),
        );
      }
    }
  },

  'contexts shown afterwards': ({ sys, ledger }) => {
    const all = skb({
      8: 0x12345678,
      32: 7,
      36: 9,
      40: 1,
      48: 0xa,
      64: 0xb,
      152: 5,
      156: 6,
      160: 300,
      164: 2,
      176: 0x12345,
      184: 8,
    });
    const shown = (program: Loaded, ctxIn?: Uint8Array, size = 192): string[] => {
      const { errno, ctxOut, ctxSizeOut } = program.run({ ctxIn, ctxOut: new Uint8Array(size) });
      return [errno, String(ctxSizeOut), hex(ctxOut ?? new Uint8Array())];
    };
    for (const type of SKB_TYPES) {
      once(sys, type, ZERO, (program) => {
        ledger(`${type}: none given`, shown(program));
        ledger(`${type}: zeros given`, shown(program, skb()));
        ledger(`${type}: short one given`, shown(program, all.slice(0, 60)));
        ledger(`${type}: all given`, shown(program, all));
        ledger(`${type}: larger buffer`, shown(program, all, 200));
        ledger(`${type}: no room`, program.run({ ctxOut: new Uint8Array(0) }).errno);
      });
    }
    const stores = [8, 12, 32, 44, 48, 52, 56, 60, 64, 72].map((at) => `*(u32 *)(r1 +${at}) = ${at + 0x4000}`);
    const text = `${stores.join('\n')}\nr2 = 0x123456789abcdef0 ll\n*(u64 *)(r1 +152) = r2\n${ZERO}`;
    once(sys, 'sched_cls', text, (program) => {
      ledger('sched_cls: stored', shown(program));
      ledger('sched_cls: stored over what was given', shown(program, all));
    });
    const bytes = upTo(20).map((at) => `*(u8 *)(r1 +${48 + at}) = ${at + 1}`);
    once(sys, 'socket_filter', `${bytes.join('\n')}\n${ZERO}`, (program) =>
      ledger('socket_filter: stored', shown(program)),
    );
  },

  'stores keep what Linux keeps': ({ sys, ledger }) => {
    const values = [1, 0x1234, 0xfffe, 0xffff, 0x10000, 0x12345, 0x1fffe, 0x1ffff, 0x89abcdef];
    for (const [name, at] of Object.entries({
      mark: 8,
      queue_mapping: 12,
      priority: 32,
      tc_index: 44,
      cb: 48,
      tc_classid: 72,
    })) {
      const text = (value: number): string =>
        `*(u32 *)(r1 +${at}) = 0x77\nw2 = ${value | 0}\n*(u32 *)(r1 +${at}) = r2\nr0 = *(u32 *)(r1 +${at})\nexit`;
      ledger(
        name,
        values.map((value) => returned(sys, 'sched_cls', text(value))),
      );
    }
  },

  'results that do not fit': ({ sys, ledger }) => {
    for (const type of Object.keys(TYPES) as TypeName[]) {
      once(sys, type, 'r0 = 2\nexit', (program) => {
        const answer = (dataRoom: number | undefined, ctxRoom: number | undefined): (string | number)[] => {
          const room = (size: number | undefined): Uint8Array | undefined =>
            size === undefined ? undefined : new Uint8Array(size).fill(0xee);
          const run = program.run({ dataOut: room(dataRoom), ctxOut: room(ctxRoom) });
          return [
            run.errno,
            run.retval ?? -1,
            run.dataSizeOut ?? -1,
            run.ctxSizeOut ?? -1,
            hex(run.dataOut?.subarray(0, 20) ?? new Uint8Array()),
            hex(run.ctxOut?.subarray(0, 48) ?? new Uint8Array()),
          ];
        };
        for (const room of [undefined, 1, 15, 50, 99, 100, 101])
          ledger(`${type}: data ${room}`, answer(room, undefined));
        ledger(`${type}: no room for both`, answer(50, 10));
        ledger(`${type}: no room for the context`, answer(100, 10));
      });
    }
  },

  'results of a packet in pieces': ({ sys, ledger }) => {
    const long = Uint8Array.from(upTo(9000), (i) => i * 7);
    once(sys, 'xdp', 'r0 = 2\nexit', (program) => {
      const answer = (dataIn: Uint8Array, room: number, ctxIn?: Uint8Array): (string | number)[] => {
        const dataOut = new Uint8Array(room);
        const run = program.run({ dataIn, dataOut, ctxIn });
        return [
          run.errno,
          run.retval ?? -1,
          run.dataSizeOut ?? -1,
          hex(dataOut.subarray(0, 8)),
          hex(dataOut.subarray(-8)),
        ];
      };
      for (const room of [10, 5479, 5480, 5481, 8999, 9000, 9001])
        ledger(`9000 bytes, room for ${room}`, answer(long, room));
      for (const end of [0, 10, 60]) {
        for (const room of [39, 40, 41, 89, 90, 95, 99, 100]) {
          ledger(`${end} of 100 bytes, room for ${room}`, answer(FRAME, room, xdp(0, end)));
        }
      }
    });
  },

  'several runs': ({ sys, ledger }) => {
    const count = (at: number): string => `r2 = *(u32 *)(r1 +${at})\nr2 += 1\n*(u32 *)(r1 +${at}) = r2\nr0 = r2\nexit`;
    for (const type of SKB_TYPES)
      ledger(
        `${type}: cb`,
        ranges([0, 1, 3, 5], (repeat) => returned(sys, type, count(48), { repeat })),
      );
    ledger('sched_cls: mark', returned(sys, 'sched_cls', count(8), { repeat: 5 }));
    for (const [type, data] of [
      ['sched_cls', 76],
      ['xdp', 0],
    ] as const) {
      const text = `
        r2 = *(u32 *)(r1 +${data})
        r3 = *(u32 *)(r1 +${data + 4})
        r4 = r2
        r4 += 20
        r0 = 77
        if r4 > r3 goto pc+3
        r0 = *(u8 *)(r2 +3)
        r0 += 1
        *(u8 *)(r2 +3) = r0
        exit`;
      once(sys, type, text, (program) => {
        const { errno, retval, dataOut } = program.run({ repeat: 5, dataOut: new Uint8Array(100) });
        ledger(`${type}: packet`, [errno, retval ?? -1, hex(dataOut ?? new Uint8Array())]);
        ledger(`${type}: short packet`, program.returns({ dataIn: FRAME.slice(0, 19).fill(0, 12) }));
        if (type === 'sched_cls') ledger('sched_cls: packet with its checksum', program.returns({ flags: 4 }));
      });
    }
  },

  'return values': ({ sys, ledger }) => {
    for (const type of Object.keys(TYPES) as TypeName[]) {
      ledger(
        type,
        [-1, 0, 1, 5, 0x7fffffff, -5].map((value) => returned(sys, type, `r0 = ${value}\nexit`)),
      );
    }
  },

  'packet loads': ({ sys, ledger }) => {
    const bases = { data: 0, ancillary: -0x1000, network: -0x100000, link: -0x200000 };
    for (const type of SKB_TYPES) {
      for (const [name, base] of Object.entries(bases)) {
        for (const size of ['u8', 'u16', 'u32']) {
          const offsets = [-5, -1, 0, 1, 12, 13, 14, 82, 83, 84, 85, 86, 96, 97, 98, 99, 100, 4095];
          const text = (at: number): string => `r6 = r1\nr0 = *(${size} *)skb[${base + at}]\nexit`;
          ledger(
            `${type}: ${size} at ${name}`,
            ranges(offsets, (at) => returned(sys, type, text(at))),
          );
        }
      }
      const indirect = (register: number, at: number): string =>
        returned(sys, type, `r6 = r1\nr7 = ${register}\nr0 = *(u8 *)skb[r7 + ${at}]\nexit`);
      ledger(`${type}: register and offset`, [
        indirect(1, 2),
        indirect(-1, 2),
        indirect(-3, 2),
        indirect(0x100000, -0x100000),
        indirect(0x7fffffff, 1),
        indirect(-0x100000, 5),
        indirect(5, -0x200000),
      ]);
      ledger(
        `${type}: high half of the register`,
        returned(sys, type, 'r6 = r1\nr7 = 0x100000003 ll\nr0 = *(u8 *)skb[r7 + 0]\nexit'),
      );
    }
  },

  skb_load_bytes: ({ sys, ledger }) => {
    const call = (offset: number, show: string): string => `
      *(u64 *)(r10 -8) = -1
      *(u64 *)(r10 -16) = -1
      r2 = ${offset}
      r3 = r10
      r3 += -16
      r4 = 4
      call 26
      ${show}
      exit`;
    const offsets = [0, 1, 13, 14, 82, 83, 84, 96, 97, 100, 0xffff, 0x10000, 0x7fffffff, -1, -14, -0x100000];
    for (const type of SKB_TYPES) {
      for (const [name, show] of [
        ['result', ''],
        ['bytes', 'r0 = *(u32 *)(r10 -16)'],
        ['bytes behind', 'r0 = *(u32 *)(r10 -12)'],
      ]) {
        ledger(
          `${type}: ${name}`,
          ranges(offsets, (at) => returned(sys, type, call(at, show))),
        );
      }
    }
  },

  'contexts given to xdp_md': ({ sys, ledger }) => {
    once(sys, 'xdp', SPAN, (program) => {
      const answer = (ctxIn: Uint8Array | undefined, dataIn = FRAME): (string | number)[] => {
        const run = program.run({ ctxIn, dataIn, ctxOut: new Uint8Array(24), dataOut: new Uint8Array(dataIn.length) });
        if (run.errno !== 'ok') return [run.errno];
        return [
          run.errno,
          run.retval ?? -1,
          run.dataSizeOut ?? -1,
          hex(run.ctxOut ?? new Uint8Array()),
          String(hex(run.dataOut ?? new Uint8Array()) === hex(dataIn)),
        ];
      };
      ledger('none', answer(undefined));
      const contexts = [
        [0, 0],
        [0, 100],
        [0, 99],
        [0, 101],
        [0, 10],
        [4, 100],
        [5, 100],
        [8, 100],
        [8, 50],
        [4, 4],
        [12, 10],
        [12, 20],
        [84, 100],
        [84, 84],
        [86, 100],
        [88, 100],
        [0, 100, 4],
        [4, 100, 4],
        [0, 100, 0, 1],
        [0, 100, 0, 0, 1],
        [0, 100, 0, 1, 1],
        [0, 100, 0, 0, 0, 1],
        [0, 100, 0, 0x12345678],
        [6, 100, 0, 0x12345678],
        [0, 100, 0, 0x12345678, 7],
      ];
      for (const words of contexts) ledger(words.join(' '), answer(xdp(...words)));
      const large = Uint8Array.from(upTo(4000), (i) => i);
      for (const end of [3519, 3520, 3521, 4000, 4001]) ledger(`long, 0 ${end}`, answer(xdp(0, end), large));
      for (const end of [3521, 4000]) ledger(`long, 8 ${end}`, answer(xdp(8, end), large));
      ledger(
        'metadata',
        ranges([0, 4, 212, 216, 220, 252, 256], (meta) => String(answer(xdp(meta, 1000), large.slice(0, 1000))[0])),
      );
      ledger(
        'sizes',
        ranges([0, 1, 8, 23, 24, 25, 4096, 4097], (size) =>
          String(answer(context(Math.max(24, size), { 4: 100 }).slice(0, size))[0]),
        ),
      );
      ledger('short frames', [
        answer(xdp(0, 13), FRAME.slice(0, 13)),
        answer(xdp(4, 17), FRAME.slice(0, 17)),
        answer(xdp(4, 18), FRAME.slice(0, 18)),
      ]);
      ledger('which error comes first', [
        answer(new Uint8Array(5000), FRAME.slice(0, 10)),
        answer(new Uint8Array(5000), new Uint8Array(80000)),
        answer(xdp(5, 100), new Uint8Array(80000)),
        answer(xdp(0, 100, 0, 0x12345678), new Uint8Array(80000)),
      ]);
    });
    ledger(
      'metadata length',
      returned(sys, 'xdp', SPAN.replace('+0', '+8').replace('+4', '+0'), { ctxIn: xdp(8, 100) }),
    );
    for (const ifindex of [0, 1])
      ledger(`ifindex ${ifindex}`, returned(sys, 'xdp', load(12), { ctxIn: xdp(0, 100, 0, ifindex) }));
  },

  'lengths that trace_printk tells': ({ sys, ledger }) => {
    const formats = [
      ...[
        'hi %d %5d| %-5d| %05d| %+d| %lld %llx %X %#x %.3d %c %5c| %s %p %px %20p| %pi4 %pI4x %pI6 %pi6 %pB',
        '%ps %% %d%% % %z %hd %o %f %5% %ll %d% %sx %s. %pd %p. é %1022d %2000d| %4294967297d| %pks %pus %pkx',
        '%i %li %lu %1-5d',
      ].flatMap((line) => line.split(' ')),
      ...['hi\n', '', '% d|', '%d %d %d', '%d %d %d %d', 'a\tb', '\x01'],
    ];
    const answers: Record<string, string> = {};
    for (const format of formats) {
      const bytes = [...Buffer.from(format), 0];
      const padded = Math.ceil(bytes.length / 8) * 8;
      const stores = bytes.map((byte, i) => `*(u8 *)(r10 -${padded - i}) = ${byte}`);
      const text = `${stores.join('\n')}\nr3 = 42\nr4 = -7\nr5 = 0\nr1 = r10\nr1 += -${padded}\nr2 = ${bytes.length}\ncall 6\nexit`;
      answers[format] = returned(sys, 'socket_filter', text);
    }
    ledger('by format', answers);
  },

  'types without a test run': ({ sys, ledger }) => {
    const program = new Loaded(sys, PROG_TYPE.TRACEPOINT, ZERO);
    ledger('tracepoint', [
      program.run().errno,
      program.run({ dataIn: undefined }).errno,
      program.run({ flags: 1 }).errno,
      program.run({ ctxIn: new Uint8Array(8) }).errno,
    ]);
    program.close();
  },
});
