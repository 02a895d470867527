/**
 * Fragments for results: helpers with arguments that mean something, and those of the folder `fragments`.
 */
import { isHelperAllowed } from '../../../src/contracts/index.ts';
import { JMP } from '../../../src/isa/index.ts';
import { HELPER_NAMES, MAP_FLAG, PROG_TYPE } from '../../../src/uapi/index.ts';
import { FP } from '../verifier/emitter.ts';
import { FRAGMENTS } from '../verifier/fragments.ts';
import type { Fragment, Generator, MapJson } from '../verifier/generator.ts';
import { callbacks } from './fragments/callbacks.ts';
import { constantText } from './fragments/constant-text.ts';
import { pointers } from './fragments/pointers.ts';
import { storages } from './fragments/storages.ts';
import { texts } from './fragments/texts.ts';
import { timers } from './fragments/timers.ts';
import { note } from './note.ts';

/** An argument: a number, the context, any number of the program, bytes to read, room to write, a map, a constant text. */
type Arg =
  | number
  | bigint
  | 'ctx'
  | 'any'
  | { readonly bytes: Uint8Array }
  | { readonly room: number }
  | { readonly map: MapJson }
  | { readonly text: string };

interface Call {
  readonly helper: string;
  readonly weight?: number;
  args(g: Generator): readonly Arg[];
}

const bytes = (g: Generator, size: number): Arg => ({ bytes: g.r.bytes(size) });
const text = (value: string, size = value.length + 1): Arg => {
  const padded = new Uint8Array(size);
  padded.set(new TextEncoder().encode(value).subarray(0, size));
  return { bytes: padded };
};
const map = (type: string, key_size = 4, value_size = 4, max_entries = 4, map_flags = 0): Arg => ({
  map: { type, key_size, value_size, max_entries, map_flags },
});
const RING = map('ringbuf', 0, 0, 4096);
const offset = (g: Generator): number =>
  g.r.pick([0, 1, 6, 12, 14, 20, 24, 34, 36, 40, 50, g.r.below(150), -1, 0xffff]);
const SIZES = [1, 2, 4, 6, 8, 14, 16, 20, 32];
const INTEGERS = [
  '0',
  '-1',
  ' 42',
  '0x1f',
  '017',
  '9223372036854775807',
  '99999999999999999999',
  'abc',
  '-0x7',
  '+5',
  '12ab',
  '',
];
const FORMATS = ['%d', '%u %x', '%lld|', '[%5d]', '%s', '%08llx', '%c%c', '%%', 'plain', '%i %lu', '%px', '%-4d'];

const CALLS: readonly Call[] = [
  { helper: 'skb_load_bytes', weight: 3, args: (g) => sized(g, (n) => ['ctx', offset(g), { room: n }, n]) },
  { helper: 'skb_load_bytes_relative', args: (g) => sized(g, (n) => ['ctx', offset(g), { room: n }, n, g.r.below(3)]) },
  {
    helper: 'skb_store_bytes',
    weight: 3,
    args: (g) => sized(g, (n) => ['ctx', offset(g), bytes(g, n), n, g.r.pick([0, 0, 1, 2, 3, 4])]),
  },
  { helper: 'skb_pull_data', args: (g) => ['ctx', g.r.pick([0, 14, 34, 60, 200, 2000])] },
  {
    helper: 'skb_change_tail',
    weight: 2,
    args: (g) => ['ctx', g.r.pick([14, 20, 40, 64, 100, 300, 4000, 0]), g.r.oneIn(8) ? 1 : 0],
  },
  {
    helper: 'skb_change_head',
    weight: 2,
    args: (g) => ['ctx', g.r.pick([0, 4, 14, 20, 64, 300, 70000]), g.r.oneIn(8) ? 1 : 0],
  },
  {
    helper: 'skb_change_proto',
    weight: 2,
    args: (g) => ['ctx', g.r.pick([0x0008, 0xdd86, 0x0608]), g.r.oneIn(8) ? 1 : 0],
  },
  { helper: 'skb_change_type', args: (g) => ['ctx', g.r.below(6)] },
  { helper: 'skb_vlan_push', weight: 2, args: (g) => ['ctx', g.r.pick([0x0081, 0xa888, 8]), g.r.below(0x10000)] },
  { helper: 'skb_vlan_pop', weight: 2, args: () => ['ctx'] },
  {
    helper: 'skb_adjust_room',
    args: (g) => ['ctx', g.r.pick([0, 4, 20, -4, -20, 40]), g.r.below(3), g.r.pick([0, 0, 1, 2, 16, 32])],
  },
  { helper: 'set_hash', args: () => ['ctx', 'any'] },
  { helper: 'set_hash_invalid', args: () => ['ctx'] },
  { helper: 'skb_ecn_set_ce', args: () => ['ctx'] },
  { helper: 'get_cgroup_classid', args: () => ['ctx'] },
  { helper: 'get_route_realm', args: () => ['ctx'] },
  {
    helper: 'csum_diff',
    weight: 3,
    args: (g) => {
      const [from, to] = [4 * g.r.below(9), 4 * g.r.below(9)];
      return [from ? bytes(g, from) : 0, from, to ? bytes(g, to) : 0, to, g.r.pick(['any', 0, -1] as const)];
    },
  },
  { helper: 'l3_csum_replace', args: (g) => ['ctx', offset(g), g.imm(), g.imm(), g.r.pick([0, 2, 4, 1])] },
  {
    helper: 'l4_csum_replace',
    args: (g) => ['ctx', offset(g), g.imm(), g.imm(), g.r.pick([0, 2, 4, 0x10, 0x12, 0x20, 0x44, 1])],
  },
  { helper: 'csum_update', args: () => ['ctx', 'any'] },
  { helper: 'csum_level', args: (g) => ['ctx', g.r.below(5)] },
  { helper: 'xdp_adjust_head', weight: 3, args: (g) => ['ctx', g.r.pick([0, 4, -4, 14, -14, 40, -128, -300, 1000])] },
  { helper: 'xdp_adjust_meta', weight: 2, args: (g) => ['ctx', g.r.pick([0, 4, -4, -8, -32, -36, 8, -3])] },
  { helper: 'xdp_adjust_tail', weight: 3, args: (g) => ['ctx', g.r.pick([0, 1, -1, -10, 20, 200, -200, 4000])] },
  { helper: 'xdp_get_buff_len', args: () => ['ctx'] },
  { helper: 'xdp_load_bytes', weight: 2, args: (g) => sized(g, (n) => ['ctx', offset(g), { room: n }, n]) },
  { helper: 'xdp_store_bytes', weight: 2, args: (g) => sized(g, (n) => ['ctx', offset(g), bytes(g, n), n]) },
  { helper: 'redirect', args: (g) => [g.r.pick([1, 1, 2, 0]), g.r.pick([0, 1, 2])] },
  {
    helper: 'redirect_map',
    weight: 2,
    args: (g) => [
      map(g.r.pick(['devmap', 'devmap_hash', 'xskmap']), 4, 4),
      g.r.below(5),
      g.r.pick([0, 1, 2, 3, 4, 8, 16, 24]),
    ],
  },
  { helper: 'strtol', weight: 2, args: (g) => parsed(g) },
  { helper: 'strtoul', weight: 2, args: (g) => parsed(g) },
  {
    helper: 'strncmp',
    args: (g) => [
      text(g.r.pick(['abc', 'abd', 'ab', '', 'abcdef']), 8),
      g.r.pick([1, 3, 8]),
      { text: g.r.pick(['abc', 'ab', '']) },
    ],
  },
  {
    helper: 'snprintf',
    weight: 3,
    args: (g) => {
      const room = g.r.pick([1, 4, 8, 16, 32]);
      const data = 8 * g.r.below(4);
      return [{ room }, room, { text: g.r.pick(FORMATS) }, data ? { bytes: small(g, data) } : 0, data];
    },
  },
  {
    helper: 'ringbuf_output',
    weight: 2,
    args: (g) => sized(g, (n) => [RING, bytes(g, n), n, g.r.pick([0, 1, 2, 3, 4])]),
  },
  { helper: 'ringbuf_query', args: (g) => [RING, g.r.below(5)] },
  {
    helper: 'perf_event_output',
    weight: 2,
    // Sizes that fill the record: what pads others is whatever was there.
    args: (g) => {
      const size = g.r.pick([4, 12, 20, 28]);
      return [
        'ctx',
        map('perf_event_array', 4, 4, 8),
        g.r.pick([0xffffffffn, 0xffffffffn, 0n, 1n, 9n]),
        bytes(g, size),
        size,
      ];
    },
  },
  { helper: 'probe_read_kernel', args: (g) => sized(g, (n) => [{ room: n }, n, bytes(g, n)]) },
  {
    helper: 'probe_read_kernel',
    args: (g) => sized(g, (n) => [{ room: n }, n, g.r.pick([0n, 8n, 0xffffffffffffff00n])]),
  },
  { helper: 'probe_read_user', args: (g) => fromUser(g) },
  { helper: 'probe_read_user_str', args: (g) => fromUser(g) },
  { helper: 'copy_from_user', weight: 2, args: (g) => fromUser(g) },
  { helper: 'probe_read_kernel_str', args: (g) => sized(g, (n) => [{ room: n }, n, text('hello, world', 16)]) },
  { helper: 'map_push_elem', args: (g) => [queue(g), bytes(g, 16), g.r.pick([0, 0, 2, 1])] },
  { helper: 'map_pop_elem', args: (g) => [queue(g), { room: 16 }] },
  { helper: 'map_peek_elem', args: (g) => [queue(g), { room: 16 }] },
  {
    helper: 'map_update_elem',
    weight: 3,
    args: (g) => [kept(g), text(String(g.r.below(6)), 4), bytes(g, 16), g.r.pick([0, 0, 1, 2])],
  },
  { helper: 'map_delete_elem', args: (g) => [kept(g), text(String(g.r.below(6)), 4)] },
  {
    helper: 'map_update_elem',
    args: (g) => [trie(), prefix(g), bytes(g, 16), g.r.pick([0, 0, 1, 2])],
  },
  { helper: 'map_delete_elem', args: (g) => [trie(), prefix(g)] },
];

const queue = (g: Generator): Arg => map(g.r.pick(['queue', 'stack']), 0, 16, 3);
const kept = (g: Generator): Arg => map(g.r.pick(['hash', 'lru_hash', 'percpu_hash', 'lru_percpu_hash']), 4, 16, 8);
const trie = (): Arg => map('lpm_trie', 8, 16, 4, MAP_FLAG.NO_PREALLOC);

/** A prefix of a few bits of 4 bytes that are mostly alike. */
function prefix(g: Generator): Arg {
  const key = Uint8Array.from([
    g.r.pick([0, 8, 9, 16, 24, 32, 33]),
    0,
    0,
    0,
    10,
    g.r.below(2),
    g.r.below(3),
    g.r.below(256),
  ]);
  return { bytes: key };
}

/** Where no process has memory. */
const fromUser = (g: Generator): readonly Arg[] =>
  sized(g, (n) => [{ room: n }, n, g.r.pick([0n, 8n, 0xffffffffffffff00n])]);

function sized(g: Generator, args: (size: number) => readonly Arg[]): readonly Arg[] {
  return args(g.r.pick(SIZES));
}

/** Words of which most are small. */
function small(g: Generator, size: number): Uint8Array {
  const words = new BigInt64Array(size / 8);
  for (let i = 0; i < words.length; i++) words[i] = BigInt(g.r.pick([g.r.below(100), g.imm(), 65 + g.r.below(26)]));
  return new Uint8Array(words.buffer);
}

function parsed(g: Generator): readonly Arg[] {
  const size = g.r.pick([1, 4, 8, 24]);
  return [text(g.r.pick(INTEGERS), size), size, g.r.pick([0, 0, 8, 10, 16, 7]), { room: 8 }];
}

const same = (a: MapJson, b: MapJson): boolean =>
  a.name === undefined &&
  a.fields === undefined &&
  a.type === b.type &&
  a.key_size === b.key_size &&
  a.value_size === b.value_size;

/** Bytes on the stack. @returns their offset */
function place(g: Generator, data: Uint8Array | number): number {
  const size = typeof data === 'number' ? data : data.length;
  const off = g.slot(8 * Math.ceil(size / 8), 8);
  if (typeof data === 'number') return off;
  const view = new DataView(data.buffer, data.byteOffset, size);
  let at = 0;
  for (; at + 4 <= size; at += 4) g.e.storeImm(4, FP, off + at, view.getInt32(at, true));
  for (; at < size; at++) g.e.storeImm(1, FP, off + at, data[at]);
  return off;
}

/** Room that was written, by its offset and size. */
interface Room {
  readonly off: number;
  readonly size: number;
}

function pass(g: Generator, arg: number, value: Arg): Room | undefined {
  const { e } = g;
  if (value === 'ctx') e.copy(arg, 6);
  else if (value === 'any') e.copy(arg, g.number());
  else if (typeof value === 'number') e.mov(arg, value);
  else if (typeof value === 'bigint') e.imm64(arg, value);
  else if ('map' in value) {
    const found = g.map(
      (one) => same(one, value.map),
      () => ({ ...value.map }),
    );
    e.map(arg, found);
  } else if ('text' in value) e.map(arg, constantText(g, value.text), 0);
  else {
    const size = 'room' in value ? value.room : value.bytes.length;
    const off = place(g, 'room' in value ? size : value.bytes);
    e.copy(arg, FP);
    e.add(arg, off);
    return 'room' in value ? { off, size } : undefined;
  }
  return undefined;
}

function write(g: Generator, one: Call): void {
  const args = one.args(g);
  let room: Room | undefined;
  args.forEach((value, i) => {
    room = pass(g, i + 1, value) ?? room;
    g.hold(i + 1);
  });
  g.release(1, 2, 3, 4, 5);
  g.call(HELPER_NAMES.indexOf(one.helper));
  g.isNumber(0);
  note(g, 0);
  if (room === undefined) return;
  for (let at = 0; at < room.size && at < 16; at += 8) {
    const dst = g.target();
    g.e.load(room.size - at >= 8 ? 8 : 1, dst, FP, room.off + at);
    g.isNumber(dst);
    if (g.chance(70)) note(g, dst);
  }
}

const ARGUMENTS = 0b111110;
function mayCall({ around, options }: Generator, name: string): boolean {
  const id = HELPER_NAMES.indexOf(name);
  return isHelperAllowed(around.progType, around.attachType, id, true) && (options.helpers?.has(id) ?? true);
}

const fits = (g: Generator, one: Call): boolean => g.hasCtx && !(g.busy & ARGUMENTS) && mayCall(g, one.helper);

function someHelper(g: Generator): void {
  const choices = CALLS.flatMap((one) => (fits(g, one) ? Array<Call>(one.weight ?? 1).fill(one) : []));
  if (choices.length) write(g, g.r.pick(choices));
}

function tailCall(g: Generator): void {
  const { e, r } = g;
  const array = g.map(
    ({ type }) => type === 'prog_array',
    () => ({ type: 'prog_array', key_size: 4, value_size: 4, max_entries: 4 }),
  );
  e.copy(1, 6);
  e.map(2, array);
  if (g.chance(60)) e.mov(3, r.pick([0, 1, 2, 3, 4, -1]));
  else e.copy(3, g.number());
  g.call(HELPER_NAMES.indexOf('tail_call'));
  g.isNothing(0);
}

/** A pointer that cannot be null is compared with null: of other comparisons the answer depends on addresses. */
function isNull(g: Generator): void {
  const { e, r } = g;
  const end = e.label();
  e.branch(r.pick([JMP.JEQ, JMP.JNE]), g.hasCtx && g.chance(50) ? 6 : FP, 0, end);
  g.skippable(end, () => g.block(1));
}

const OWN: readonly Fragment[] = [
  {
    name: 'helper for results',
    weight: 40,
    topic: 'helper',
    fits: (g) => g.hasCtx && !(g.busy & ARGUMENTS),
    write: someHelper,
  },
  { name: 'note', weight: 8, write: (g) => note(g, g.number()) },
  { name: 'is a pointer null', weight: 2, topic: 'branch', fits: (g) => g.depth < 5, write: isNull },
  {
    name: 'tail call',
    weight: 2,
    topic: 'call',
    // Sleepable programs have no prog arrays; functions that call so have less stack.
    fits: (g) =>
      g.hasCtx && (g.level === 0 || g.chance(20)) && !(g.busy & ARGUMENTS) && g.around.progType !== PROG_TYPE.SYSCALL,
    write: tailCall,
  },
];

/** Fragments about what cannot be compared: addresses, maps that only other program types use. */
const WITHOUT = new Set(['other map', 'kernel object', 'packet length', 'compare pointers']);
/** Fragments that come more often than in programs for the verifier. */
const MORE: Readonly<Record<string, number>> = { call: 6, bpf_loop: 4, 'for each': 2, drain: 2, atomic: 6, dynptr: 6 };

export const RESULT_FRAGMENTS: readonly Fragment[] = [
  ...FRAGMENTS.filter(({ name }) => !WITHOUT.has(name)).map((one) => ({
    ...one,
    weight: MORE[one.name] ?? one.weight,
  })),
  ...OWN,
  ...callbacks,
  ...pointers,
  ...storages,
  ...texts,
  ...timers,
];
