/**
 * Our objects on both backends: they load, they run, and they compute what their sources say. Packets are made here, so
 * that every expectation can be worked out by hand.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { UnsupportedError, VerifierError } from '../../src/errors/index.ts';
import { loadCollectionSpec } from '../../src/loader/index.ts';
import type { CollectionSpec } from '../../src/loader/index.ts';
import type { BpfSys } from '../../src/sys/index.ts';
import { onBackends } from '../backends.ts';

const specOf = (file: string) =>
  loadCollectionSpec(new Uint8Array(readFileSync(new URL(file, import.meta.url))), { file });

interface PacketOptions {
  vlans?: number;
  protocol?: number;
  /** Destination port. */
  port?: number;
  length?: number;
}

/** Ethernet, VLAN tags, IPv4 without options, two ports, zeros. */
function packet({ vlans = 0, protocol = 17, port = 53, length = 64 }: PacketOptions = {}): Uint8Array {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  let at = 12;
  for (; vlans > 0; vlans--, at += 4) view.setUint16(at, 0x8100);
  view.setUint16(at, 0x0800);
  const ip = at + 2;
  view.setUint8(ip, 0x45);
  view.setUint16(ip + 2, length - ip);
  view.setUint8(ip + 8, 64);
  view.setUint8(ip + 9, protocol);
  view.setUint32(ip + 12, 0x0a000001);
  view.setUint32(ip + 16, 0x0a000002);
  view.setUint16(ip + 10, checksum(bytes.subarray(ip, ip + 20)));
  view.setUint16(ip + 20, 1234);
  view.setUint16(ip + 22, port);
  return bytes;
}

function checksum(header: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < header.length; i += 2) sum += (header[i] << 8) | header[i + 1];
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

const swap16 = (value: number) => ((value & 0xff) << 8) | (value >> 8);

onBackends('object files', {
  'maps.o counts by protocol'({ sys }) {
    const spec = specOf('maps.o');
    spec.maps.counts.maxEntries = 256;
    using collection = spec.load(sys);
    for (const length of [64, 100, 1500]) collection.programs.use_maps.run({ data: packet({ length }) });
    expect([...collection.maps.counts]).toEqual([[swap16(0x0800), { packets: 3, bytes: 1664 }]]);
    expect(collection.maps.everything.get(0)).toMatchObject({
      u8: 200,
      big: 'LARGE',
      flags: { low: 0, mid: 1234, high: -7 },
    });
  },

  'globals.o reads constants and changes variables'({ sys }) {
    const spec = specOf('globals.o');
    spec.variables.threshold.set(70);
    using collection = spec.load(sys);
    const { use_globals } = collection.programs;
    expect(use_globals.run({ data: packet({ length: 80 }) }).retval).toBe('e'.charCodeAt(0));
    // table[htons(ETH_P_IP) & 3] + calls
    expect(use_globals.run({ data: packet() }).retval).toBe(3 + 2);
    const [[, data]] = collection.maps['.data'];
    expect(data).toMatchObject({ seen: 9, pair: { a: 0x11223344 + 10, b: [1, 2, 3] }, hidden_start: 5 });
    const [[, bss]] = collection.maps['.bss'];
    expect(bss).toMatchObject({ zeroed: 144, 'use_globals.calls': 2, longer: [2, 0, 0, 0, 0, 0, 0, 0, 0, 0] });
    const [[, custom]] = collection.maps['.data.custom'];
    expect(custom).toEqual({ custom: -9 + 24 });
    expect(() => collection.maps['.rodata'].set(0, { threshold: 1 })).toThrow('EPERM');
  },

  'legacy.o counts with maps of the old kind'({ sys }) {
    using collection = specOf('legacy.o').load(sys);
    for (const protocol of [6, 17, 6, 1]) collection.programs.count.run({ data: packet({ protocol }) });
    const counted = [...collection.maps.protocols.as<number, { bytes: Uint8Array }>()].filter(
      ([, { bytes }]) => bytes[0] > 0,
    );
    expect(counted.map(([protocol, { bytes }]) => [protocol, bytes[0]])).toEqual([
      [1, 1],
      [6, 2],
      [17, 1],
    ]);
  },

  'xdp_parse.o drops by port'({ sys }) {
    using collection = specOf('xdp_parse.o').load(sys);
    const { parse } = collection.programs;
    collection.maps.blocked.as<number, number>().set(swap16(53), 1);
    const verdict = (data: Uint8Array) => parse.run({ data }).retval;
    const verdicts = [{}, { port: 80 }, { vlans: 2 }, { vlans: 1, port: 80 }, { protocol: 1 }].map((options) =>
      verdict(packet({ length: 80, ...options })),
    );
    verdicts.push(verdict(packet().subarray(0, 34)));
    expect(verdicts).toEqual([1, 2, 1, 2, 2, 1]);
    const total = collection.maps.verdicts.as<number, { packets: number; bytes: number }[]>();
    const packets = [...total.values()].map((cpus) => cpus.reduce((sum, { packets }) => sum + packets, 0));
    expect(packets).toEqual([0, 3, 3, 0, 0]);
  },

  'rejected.o is refused, with the line'({ sys }) {
    const spec = specOf('rejected.o');
    expect(refusal(spec, sys, 'no_null_check')).toEqual([
      'EACCES',
      "R0 invalid mem access 'map_value_or_null'",
      '*value += 1;',
    ]);
    expect(refusal(spec, sys, 'no_bounds_check')).toEqual([
      'EACCES',
      'R1 offset is outside of the packet',
      'return data[12] == 8 ? XDP_PASS : XDP_DROP;',
    ]);
  },
});

/** Error, telling line, and source line of a program that is refused. */
function refusal(spec: CollectionSpec, sys: BpfSys, name: string): unknown {
  try {
    spec.load(sys, { programs: [name] });
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error;
    return [error.code, error.summary, spec.programs[name].lines.findLast((line) => line.insn <= error.insn)?.text];
  }
  return 'accepted';
}

/** Programs beyond what user space verifies today: refused by name there, right on Linux. */
onBackends('object files with functions', {
  'subprogs.o calls and calls back'({ sys, backend }) {
    runOrName(backend, () => {
      using collection = specOf('subprogs.o').load(sys);
      expect(collection.programs.first.run({ data: packet() }).retval).toBe(64 * 64 + 1);
      expect(collection.programs.second.run({ data: packet() }).retval).toBe(64 * 64);
      const sums = collection.maps.sums.as<number, number>();
      expect([1, 2].map((key) => sums.get(key))).toEqual([65, 5]);
      // Eight elements, and no odd step in len & 15 = 0.
      expect(collection.programs.walker.run({ data: packet() }).retval).toBe(8);
    });
  },

  'tc_rewrite.o changes the packet and keeps its checksum'({ sys, backend }) {
    runOrName(backend, () => {
      using collection = specOf('tc_rewrite.o').load(sys);
      const { dataOut } = collection.programs.rewrite.run({ data: packet(), dataOut: true });
      expect(dataOut?.[15]).toBe(46 << 2);
      expect(dataOut && checksum(dataOut.subarray(14, 34))).toBe(0);
      expect([...collection.maps['.bss'].values()]).toEqual([expect.objectContaining({ rewritten: 1, skipped: 0 })]);
    });
  },

  'flows.o counts by 5-tuple'({ sys, backend }) {
    runOrName(backend, () => {
      using collection = specOf('flows.o').load(sys);
      const frame = packet({ length: 90 });
      // The same frame as the kernel's test run shows it: without its link-layer header.
      for (let i = 0; i < 3; i++) collection.programs.flow_counter.run({ data: frame });
      const [[flow, stats]] = collection.maps.flows.as<
        { protocol: number; dport: number },
        { packets: number; bytes: number }
      >();
      expect(flow).toMatchObject({ protocol: 17, dport: swap16(53) });
      expect(stats).toMatchObject({ packets: 3, bytes: 270 });
    });
  },
});

function runOrName(backend: string, body: () => void): void {
  try {
    body();
  } catch (error) {
    const named = error instanceof VerifierError && error.code === 'ENOTSUPP';
    if (backend === 'linux' || !named) throw error;
    expect(error.summary).not.toBe('');
  }
}

describe('on any backend', () => {
  it('what is not supported yet is named before anything is made', () => {
    const load = (): unknown => specOf('unsupported.o').load({} as never, { programs: ['uses_ksym'] });
    expect(load).toThrow(UnsupportedError);
  });
});
