/** Helpers that change packets, on both backends: what they answer, and the packet and context afterwards. */
import { onBackends } from '../backends.ts';
import { assemble } from '../../src/asm/index.ts';
import { errnoName } from '../../src/errors/index.ts';
import { encode } from '../../src/isa/index.ts';
import type { BpfSys, ProgTestRunAttr } from '../../src/sys/index.ts';
import { BPF_CMD, HELPER_NAMES, PROG_TYPE } from '../../src/uapi/index.ts';
import { createMap, hex, u32, update } from './support.ts';
import { MAP_TYPE } from '../../src/uapi/index.ts';

/** Ethernet, IPv4 with its checksum, TCP, 20 bytes: 74 in all. */
const FRAME = Uint8Array.from(
  Buffer.from(
    '020000000001020000000002080045000052000140004006' +
      'f98b0a0000010a0000021f90005000000001000000025018200012340000' +
      '000102030405060708090a0b0c0d0e0f10111213',
    'hex',
  ),
);
const TYPES = { tc: PROG_TYPE.SCHED_CLS, xdp: PROG_TYPE.XDP, lwt: PROG_TYPE.LWT_XMIT };

const call = (name: string): string => `call ${HELPER_NAMES.indexOf(name)}`;
/** `r2`, `r3`, … = values, r1 = context kept in r6. */
const args = (...values: (number | string)[]): string =>
  ['r1 = r6', ...values.map((value, i) => `r${i + 2} = ${value}`)].join('\n');

interface Answer {
  readonly [field: string]: string | number;
}

/** Load `text` with the context in r6 and 16 bytes of ascending numbers at r10 - 16, run it, say everything. */
function run(
  sys: BpfSys,
  type: keyof typeof TYPES,
  text: string,
  attr: Partial<ProgTestRunAttr> = {},
  mapFd = 0,
): Answer {
  const source = `r6 = r1
    r1 = 0x0706050403020100 ll
    *(u64 *)(r10 - 16) = r1
    r1 = 0x0f0e0d0c0b0a0908 ll
    *(u64 *)(r10 - 8) = r1
    ${text}
    exit`;
  const { insns, mapRefs } = assemble(source);
  const patched = insns.map((insn, slot) =>
    mapRefs.some((ref) => ref.insn === slot) ? { ...insn, src: 1, imm: mapFd } : insn,
  );
  const progFd = sys.bpf(BPF_CMD.PROG_LOAD, { progType: TYPES[type], insns: encode(patched), license: 'GPL' });
  if (progFd < 0) return { load: errnoName(progFd) };
  // Without its length in the context Linux gives an XDP program none of the frame.
  const ctxIn = type === 'xdp' ? u32(0, (attr.dataIn ?? FRAME).length) : undefined;
  const full: ProgTestRunAttr = {
    progFd,
    ctxIn,
    dataIn: FRAME,
    dataOut: new Uint8Array(4096),
    ctxOut: new Uint8Array(256),
    ...attr,
  };
  const result = sys.bpf(BPF_CMD.PROG_TEST_RUN, full);
  sys.close(progFd);
  if (result < 0) return { run: errnoName(result) };
  return {
    retval: (full.retval ?? 0) | 0,
    data: hex((full.dataOut as Uint8Array).subarray(0, full.dataSizeOut)),
    ctx: hex((full.ctxOut as Uint8Array).subarray(0, full.ctxSizeOut)).replace(/(00)+$/, ''),
  };
}

onBackends('packet-helpers', {
  'xdp: moving the ends': ({ sys, ledger }) => {
    const moves: Record<string, readonly number[]> = {
      xdp_adjust_head: [0, 1, 14, 60, 61, 74, -1, -14, -216, -217, -256, 0x7fffffff, -0x80000000],
      xdp_adjust_tail: [0, -1, -60, -61, -74, 1, 100, 3446, 3447, 0x7fffffff],
      xdp_adjust_meta: [0, 4, -4, -3, -32, -36, -252, -256, -216, -220],
    };
    for (const [helper, deltas] of Object.entries(moves)) {
      for (const delta of deltas) ledger(`${helper} ${delta}`, run(sys, 'xdp', `${args(delta)}\n${call(helper)}`));
    }
    const twice = `${args(-8)}\n${call('xdp_adjust_meta')}\n${args(-20)}\n${call('xdp_adjust_head')}`;
    ledger('metadata moves with the head', run(sys, 'xdp', twice));
    ledger(
      'metadata goes when the head does',
      run(sys, 'xdp', `${args(-8)}\n${call('xdp_adjust_meta')}\n${args(20)}\n${call('xdp_adjust_head')}`),
    );
    ledger('several runs', run(sys, 'xdp', `${args(4)}\n${call('xdp_adjust_head')}`, { repeat: 3 }));
  },

  'xdp: bytes by offset': ({ sys, ledger }) => {
    ledger('length', run(sys, 'xdp', `r1 = r6\n${call('xdp_get_buff_len')}`));
    for (const offset of [0, 1, 58, 59, 74, 0xffff, 0x10000, -1]) {
      const load = `${args(offset)}\nr3 = r10\nr3 += -16\nr4 = 16\n${call('xdp_load_bytes')}\nif r0 != 0 goto +1\nr0 = *(u64 *)(r10 - 16)`;
      ledger(`load at ${offset}`, run(sys, 'xdp', load));
      const store = `${args(offset)}\nr3 = r10\nr3 += -16\nr4 = 16\n${call('xdp_store_bytes')}`;
      ledger(`store at ${offset}`, run(sys, 'xdp', store));
    }
    ledger(
      'length of a large frame',
      run(sys, 'xdp', `r1 = r6\n${call('xdp_get_buff_len')}`, {
        dataIn: new Uint8Array(5000).fill(7),
        dataOut: new Uint8Array(0),
      }),
    );
  },

  'skb: store': ({ sys, ledger }) => {
    for (const type of ['tc', 'lwt'] as const) {
      for (const [offset, size, flags] of [
        [0, 16, 0],
        [14, 4, 1],
        [58, 16, 2],
        [59, 16, 0],
        [74, 1, 0],
        [0, 1, 4],
        [0x10000, 1, 0],
        [-1, 1, 0],
        [0, 1, 3],
      ]) {
        const store = `${args(offset)}\nr3 = r10\nr3 += -16\nr4 = ${size}\nr5 = ${flags}\n${call('skb_store_bytes')}`;
        ledger(`${type} ${size} bytes at ${offset}, flags ${flags}`, run(sys, type, store));
      }
    }
  },

  'skb: checksums': ({ sys, ledger }) => {
    const cases: [string, number, number, number, number][] = [
      ['l3_csum_replace', 24, 0x0100000a, 0x0300000a, 4],
      ['l3_csum_replace', 24, 0x0100, 0x0200, 2],
      ['l3_csum_replace', 24, 0, 0x1234, 0],
      ['l3_csum_replace', 24, 1, 0x1234, 0],
      ['l3_csum_replace', 24, 1, 0x1234, 3],
      ['l3_csum_replace', 25, 1, 0x1234, 2],
      ['l3_csum_replace', 72, 1, 2, 2],
      ['l3_csum_replace', 73, 1, 2, 2],
      ['l3_csum_replace', 74, 1, 2, 2],
      ['l3_csum_replace', 24, 1, 2, 0x12],
      ['l3_csum_replace', 0x10000, 1, 2, 2],
      ['l4_csum_replace', 50, 0x0100000a, 0x0300000a, 0x14],
      ['l4_csum_replace', 50, 0x901f, 0x5000, 2],
      ['l4_csum_replace', 50, 0, 0x1234, 0],
      ['l4_csum_replace', 50, 0, 0x1234, 0x10],
      ['l4_csum_replace', 50, 7, 0x1234, 0x10],
      ['l4_csum_replace', 52, 7, 0x1234, 0x22],
      ['l4_csum_replace', 52, 7, 0x1234, 0x62],
      ['l4_csum_replace', 52, 0, 0, 0x62],
      ['l4_csum_replace', 50, 0x1234, 0, 0x22],
      ['l4_csum_replace', 50, 7, 0x1234, 0x102],
      ['l4_csum_replace', 50, 7, 8, 5],
      ['l4_csum_replace', 50, 7, 8, 0x82],
    ];
    for (const [helper, ...values] of cases)
      ledger(`${helper} ${values.join(' ')}`, run(sys, 'tc', `${args(...values)}\n${call(helper)}`));
    for (const [from, to, seed] of [
      [0, 0, 0],
      [8, 0, 0],
      [0, 8, 0],
      [16, 16, 0],
      [0, 16, 0x12345678],
      [4, 12, -1],
      [16, 0, -1],
      [3, 4, 0],
      [0, 0, 0x12345678],
    ]) {
      const diff = `r1 = r10\nr1 += -16\nr2 = ${from}\nr3 = r10\nr3 += -16\nr4 = ${to}\nr5 = ${seed}\n${call('csum_diff')}`;
      ledger(`csum_diff ${from} ${to} ${seed}`, run(sys, 'tc', diff));
    }
    ledger('csum_update', run(sys, 'tc', `${args(5)}\n${call('csum_update')}`));
    for (const level of [0, 1, 2, 3, 4])
      ledger(`csum_level ${level}`, run(sys, 'tc', `${args(level)}\n${call('csum_level')}`));
  },

  'skb: length and headers': ({ sys, ledger }) => {
    const say = (what: string, text: string, attr: Partial<ProgTestRunAttr> = {}): void => {
      ledger(what, run(sys, 'tc', text, attr));
    };
    const fields = ['protocol', 'vlan_present', 'vlan_tci', 'vlan_proto', 'len', 'pkt_type'];
    const offsets = [16, 20, 24, 28, 0, 4];
    for (const length of [0, 14, 33, 34, 60, 74, 75, 1000, 3000, 65550, 65551, 100000]) {
      say(`change_tail ${length}`, `${args(length, 0)}\n${call('skb_change_tail')}`);
      say(`pull_data ${length}`, `${args(length)}\n${call('skb_pull_data')}`);
    }
    for (const count of [0, 1, 14, 20, 100, 1000]) {
      say(`change_head ${count}`, `${args(count, 0)}\n${call('skb_change_head')}`);
      ledger(`lwt: change_head ${count}`, run(sys, 'lwt', `${args(count, 0)}\n${call('skb_change_head')}`));
    }
    say('change_head flags', `${args(4, 1)}\n${call('skb_change_head')}`);
    say('change_tail flags', `${args(64, 1)}\n${call('skb_change_tail')}`);
    for (const type of [0, 1, 2, 3, 4, 7]) {
      say(`change_type ${type}`, `${args(type)}\n${call('skb_change_type')}\nr1 = *(u32 *)(r6 + 4)\nr0 |= r1`);
    }
    for (const [proto, flags] of [
      [0xdd86, 0],
      [0x0008, 0],
      [0x1234, 0],
      [0xdd86, 1],
    ]) {
      say(
        `change_proto ${proto} ${flags}`,
        `${args(proto, flags)}\n${call('skb_change_proto')}\nr7 = *(u32 *)(r6 + 16)\nif r0 != 0 goto +1\nr0 = r7`,
      );
    }
    const back = `${args(0xdd86, 0)}\n${call('skb_change_proto')}\n${args(0x0008, 0)}\n${call('skb_change_proto')}`;
    say('change_proto and back', back);
    const push = (proto: number, tci: number): string => `${args(proto, tci)}\n${call('skb_vlan_push')}`;
    const pop = `r1 = r6\n${call('skb_vlan_pop')}`;
    const tagged = Uint8Array.from([...FRAME.subarray(0, 12), 0x81, 0, 0x20, 5, ...FRAME.subarray(12)]);
    const twice = Uint8Array.from([
      ...FRAME.subarray(0, 12),
      0x88,
      0xa8,
      0,
      9,
      0x81,
      0,
      0x20,
      5,
      ...FRAME.subarray(12),
    ]);
    const steps: Record<string, [string, Uint8Array]> = {
      push: [push(0x0081, 5), FRAME],
      'push of another kind': [push(0x1234, 0x1fff), FRAME],
      'push QinQ': [push(0xa888, 7), FRAME],
      'push twice': [`${push(0x0081, 5)}\n${push(0x0081, 6)}`, FRAME],
      'push three times': [`${push(0x0081, 5)}\n${push(0xa888, 6)}\n${push(0x0081, 7)}`, FRAME],
      'push and pop': [`${push(0x0081, 5)}\n${pop}`, FRAME],
      'push twice, pop once': [`${push(0x0081, 5)}\n${push(0x0081, 6)}\n${pop}`, FRAME],
      'push twice, pop twice': [`${push(0x0081, 5)}\n${push(0x0081, 6)}\n${pop}\n${pop}`, FRAME],
      pop: [pop, FRAME],
      'pop what is in the frame': [pop, tagged],
      'pop one of two': [pop, twice],
      'pop both': [`${pop}\n${pop}`, twice],
      nothing: ['r0 = 0', twice],
    };
    for (const [what, [text, dataIn]] of Object.entries(steps)) {
      offsets.forEach((offset, i) => {
        if (i === 0) say(`vlan: ${what}`, text, { dataIn });
        ledger(
          `vlan: ${what}: ${fields[i]}`,
          run(sys, 'tc', `${text}\nr0 = *(u32 *)(r6 + ${offset})`, { dataIn })['retval'] ?? '',
        );
      });
    }
  },

  'skb: room in the middle': ({ sys, ledger }) => {
    const room = (change: number, mode: number, flags: string): string =>
      `r1 = r6\nr2 = ${change}\nr3 = ${mode}\nr4 = ${flags} ll\n${call('skb_adjust_room')}`;
    const changes = [0, 1, 20, 100, 4095, 4096, -1, -20, -40, -41, -60, -100, -4096];
    for (const mode of [0, 1, 2]) {
      for (const change of changes) ledger(`mode ${mode}: ${change}`, run(sys, 'tc', room(change, mode, '0')));
    }
    const flags = [
      '1',
      '2',
      '4',
      '6',
      '8',
      '10',
      '18',
      '26',
      '32',
      '64',
      '66',
      '128',
      '256',
      '384',
      '512',
      '0x0e00000000000042',
      '0x0e00000000000002',
      '0x0d00000000000042',
    ];
    for (const flag of flags) {
      for (const change of [20, 54, -20]) ledger(`flags ${flag}: ${change}`, run(sys, 'tc', room(change, 1, flag)));
      ledger(`flags ${flag}: protocol`, run(sys, 'tc', `${room(40, 1, flag)}\nr0 = *(u32 *)(r6 + 16)`)['retval'] ?? '');
    }
    const arp = Uint8Array.from(FRAME, (byte, i) => (i === 13 ? 6 : byte));
    ledger('no network header that is known', run(sys, 'tc', room(4, 1, '0'), { dataIn: arp }));
    const v6 = Uint8Array.from([
      ...FRAME.subarray(0, 12),
      0x86,
      0xdd,
      0x60,
      ...FRAME.subarray(15),
      ...new Uint8Array(40),
    ]);
    for (const change of [20, -20, -40, -60, -61]) {
      for (const mode of [0, 1])
        ledger(`IPv6, mode ${mode}: ${change}`, run(sys, 'tc', room(change, mode, '0'), { dataIn: v6 }));
    }
    for (const tos of [0, 1, 2, 3, 0xb9]) {
      const marked = Uint8Array.from(FRAME, (byte, i) => (i === 15 ? tos : byte));
      const mark = `r1 = r6\n${call('skb_ecn_set_ce')}`;
      ledger(`congestion, type of service ${tos}`, run(sys, 'tc', mark, { dataIn: marked }));
      const traffic = Uint8Array.from(v6, (byte, i) => (i === 15 ? tos << 4 : byte));
      ledger(`congestion, IPv6, ${tos}`, run(sys, 'tc', mark, { dataIn: traffic }));
    }
  },

  'skb: the flow hash': ({ sys, ledger }) => {
    const get = `r1 = r6\n${call('get_hash_recalc')}`;
    ledger('set', run(sys, 'tc', `${args(77)}\n${call('set_hash')}\n${get}`)['retval'] ?? '');
    ledger('field', run(sys, 'tc', `${args(77)}\n${call('set_hash')}\nr0 = *(u32 *)(r6 + 68)`)['retval'] ?? '');
    ledger('no hash', run(sys, 'tc', `r0 = *(u32 *)(r6 + 68)`)['retval'] ?? '');
    const invalid = `${args(77)}\n${call('set_hash')}\nr1 = r6\n${call('set_hash_invalid')}\nr0 = *(u32 *)(r6 + 68)`;
    ledger('invalid', run(sys, 'tc', invalid)['retval'] ?? '');
  },

  redirection: ({ sys, ledger }) => {
    for (const type of ['tc', 'xdp', 'lwt'] as const) {
      for (const flags of [0, 1, 2, 3]) {
        ledger(`${type}: redirect, flags ${flags}`, run(sys, type, `r1 = 1\nr2 = ${flags}\n${call('redirect')}`));
      }
    }
    ledger(
      'peer',
      [0, 1].map((flags) => run(sys, 'tc', `r1 = 1\nr2 = ${flags}\n${call('redirect_peer')}`)),
    );
    ledger(
      'neighbour',
      [0, 1].map((flags) => run(sys, 'tc', `r1 = 1\nr2 = 0\nr3 = 0\nr4 = ${flags}\n${call('redirect_neigh')}`)),
    );
    const types = {
      devmap: MAP_TYPE.DEVMAP,
      devmap_hash: MAP_TYPE.DEVMAP_HASH,
      cpumap: MAP_TYPE.CPUMAP,
      xskmap: MAP_TYPE.XSKMAP,
    };
    for (const [name, mapType] of Object.entries(types)) {
      const fd = createMap(sys, { mapType, valueSize: 4 });
      if (mapType !== MAP_TYPE.XSKMAP) update(sys, fd, u32(0), u32(1));
      for (const key of [0, 1, 9]) {
        for (const flags of [0, 1, 2, 3, 4, 8, 16, 24, 32]) {
          ledger(
            `${name} ${key}, flags ${flags}`,
            run(sys, 'xdp', `r1 = map[m]\nr2 = ${key}\nr3 = ${flags}\n${call('redirect_map')}`, {}, fd)['retval'] ??
              'refused',
          );
        }
      }
    }
  },
});
