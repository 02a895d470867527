/**
 * Random programs in the manner of 2014: what that system loads has no way back and nothing that it did not know, the interpreter
 * and the compiled program agree on it, and Linux of today loads it too.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { assemble } from '../../src/asm/index.ts';
import { createKernel } from '../../src/kernel/index.ts';
import { CALL, CLASS, EXIT, encode, type Instruction } from '../../src/isa/index.ts';
import * as L from '../../src/lwn2014/index.ts';
import { translateMapIds } from '../../src/lwn2014/map-ids.ts';
import { LinuxUnavailableError, openLinux, type LinuxSys } from '../../src/linux/index.ts';
import { BPF_CMD, MAP_TYPE, PROG_TYPE } from '../../src/uapi/index.ts';
import { Random } from '../../src/util/index.ts';
import { frame, socketWith, u32 } from './support.ts';

const SEED = 20140702;
const PROGRAMS = 400;

let linux: LinuxSys | undefined;
try {
  linux = await openLinux();
} catch (error) {
  if (!(error instanceof LinuxUnavailableError)) throw error;
  console.warn(`what Linux says of programs of 2014 is skipped: ${error.message}`);
}

let linuxMap = -1;
beforeAll(() => {
  const attr = { mapType: MAP_TYPE.HASH, keySize: 4, valueSize: 8, maxEntries: 4 };
  linuxMap = linux?.bpf(BPF_CMD.MAP_CREATE, attr) ?? -1;
});
afterAll(() => linux?.close(linuxMap));

/** Lines that are right by themselves, with some that are not. */
function statement(r: Random): string[] {
  const reg = (): string => `r${6 + r.below(4)}`;
  const key = ['*(u32 *)(r10 -4) = ' + String(r.below(4)), 'r2 = r10', 'r2 += -4'];
  const map = r.below(8) === 0 ? ['r1 = r8'] : ['r1 = 1'];
  switch (r.below(12)) {
    case 0:
      return [`${reg()} = ${r.below(5)}`];
    case 1:
      return [`${reg()} += ${reg()}`];
    case 2:
      return ['r6 = r7', `r0 = *(u8 *)skb[${r.below(70)}]`, `${reg()} = r0`];
    case 3:
    case 4:
      return [...key, ...map, 'call bpf_map_lookup_elem', 'if r0 == 0 goto +2', 'r1 = 1', 'lock *(u64 *)(r0 +0) += r1'];
    case 5:
      return [...key, '*(u64 *)(r10 -16) = 7', 'r3 = r10', 'r3 += -16', 'r4 = 0', ...map, 'call bpf_map_update_elem'];
    case 6:
      return [...key, ...map, 'call bpf_map_delete_elem'];
    case 7:
      return [...key, ...map, 'call bpf_map_lookup_elem', 'r0 = *(u64 *)(r0 +0)'];
    case 8:
      return [`${reg()} = *(u64 *)(r10 -${8 * (1 + r.below(4))})`];
    case 9:
      return [`*(u64 *)(r10 -${8 * (1 + r.below(4))}) = ${reg()}`];
    default:
      return [`if ${reg()} > ${r.below(9)} goto L`];
  }
}

/** Jumps lead to the end of a later statement, sometimes of an earlier one. */
function randomSource(r: Random): string {
  const statements = Array.from({ length: 3 + r.below(10) }, () => statement(r));
  const lines = ['r7 = r1', 'r8 = 1', 'r9 = 0', 'r6 = 0', '*(u64 *)(r10 -8) = 0', '*(u64 *)(r10 -16) = 0'];
  statements.forEach((text, at) => {
    const back = r.below(25) === 0;
    const to = back ? r.below(at + 1) : at + 1 + r.below(statements.length - at);
    lines.push(`S${at}:`, ...text.map((line) => line.replace('goto L', `goto S${to}`)));
  });
  return [...lines, `S${statements.length}:`, 'r0 = 0', 'exit'].join('\n');
}

const isJump = ({ opcode }: Instruction): boolean => (opcode & 7) === CLASS.JMP && opcode !== CALL && opcode !== EXIT;

function translated(insns: readonly Instruction[], fd: number): Instruction[] {
  const out = translateMapIds(insns, () => fd);
  if (typeof out === 'string') throw new Error(out);
  return out;
}

/** What a program leaves in map 1 and lets through of some packets; undefined where it is not loaded. */
async function outcome(engine: 'jit' | 'interp', bytes: Uint8Array): Promise<unknown> {
  const system = L.openLwn2014({ kernel: createKernel({ engine, random: () => 7 }) });
  system.bpf_create_map(1, 4, 8, 4);
  if (system.bpf_prog_load(1, L.BPF_PROG_TYPE_SOCKET_FILTER, bytes, bytes.length, 'GPL') < 0) return undefined;
  const socket = await socketWith([frame(6), frame(17), frame(0).subarray(0, 20)]);
  system.setsockopt(socket, L.SOL_SOCKET, L.SO_ATTACH_FILTER_EBPF, 1);
  await socket.drain();
  return [0, 1, 2, 3].map((key) => {
    const value = new BigUint64Array(1);
    return [system.bpf_lookup_elem(1, u32(key), value), value[0]];
  });
}

it(`of ${PROGRAMS} programs (seed ${SEED}) those that are loaded are sound`, async () => {
  const r = new Random(SEED);
  let loaded = 0;
  for (let n = 0; n < PROGRAMS; n++) {
    const source = randomSource(r);
    const { insns } = assemble(source);
    const bytes = encode(insns);
    const result = await outcome('interp', bytes);
    expect(await outcome('jit', bytes), source).toEqual(result);
    if (result === undefined) continue;
    loaded++;
    expect(
      insns.some((insn) => isJump(insn) && insn.off < 0),
      source,
    ).toBe(false);
    if (linux === undefined) continue;
    const attr = { progType: PROG_TYPE.SOCKET_FILTER, insns: encode(translated(insns, linuxMap)), license: 'GPL' };
    const fd = linux.bpf(BPF_CMD.PROG_LOAD, attr);
    expect(fd, source).toBeGreaterThan(0);
    linux.close(fd);
  }
  expect(loaded).toBeGreaterThan(PROGRAMS / 10);
  expect(loaded).toBeLessThan((PROGRAMS * 9) / 10);
});
