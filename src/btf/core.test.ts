import { describe, expect, it } from 'vitest';
import { Btf, BtfBuilder, coreAnswer, KernelBtf, KIND } from './index.ts';
import type { BtfMember } from './index.ts';

const int = (name: string, size: number, encoding = 0) =>
  ({ kind: KIND.INT, name, size, encoding, offset: 0, bits: size * 8 }) as const;
const member = (name: string, type: number, bitOffset: number, bitSize = 0): BtfMember => ({
  name,
  type,
  bitOffset,
  bitSize,
});
const SIGNED = 1;

/** What the object was compiled with: task { u32 pid; char comm[4]; u32 a:3, b:5; }, pair { x, y }, enum kind. */
function localTypes() {
  const b = new BtfBuilder();
  const u32 = b.add(int('unsigned int', 4));
  const char = b.add(int('char', 1, SIGNED));
  const comm = b.add({ kind: KIND.ARRAY, name: '', type: char, indexType: u32, count: 4 });
  const task = b.add({
    kind: KIND.STRUCT,
    name: 'task___v2',
    size: 12,
    members: [member('pid', u32, 0), member('comm', comm, 32), member('a', u32, 64, 3), member('b', u32, 67, 5)],
  });
  const gone = b.add({ kind: KIND.STRUCT, name: 'gone', size: 4, members: [member('x', u32, 0)] });
  const kind = b.add({
    kind: KIND.ENUM,
    name: 'kind',
    size: 4,
    signed: false,
    values: [
      { name: 'KIND_A', value: 1 },
      { name: 'KIND_B', value: 2 },
    ],
  });
  const twice = b.add({ kind: KIND.STRUCT, name: 'twice', size: 4, members: [member('x', u32, 0)] });
  return { btf: Btf.parse(b.bytes()), task, gone, kind, twice };
}

/** The kernel's: task { u64 flags; union { struct { u64 pid; }; }; char comm[16]; u32 pad:4, b:5, a:3; }, kind without B. */
function kernelTypes() {
  const b = new BtfBuilder();
  const u32 = b.add(int('unsigned int', 4));
  const u64 = b.add(int('long unsigned int', 8));
  const char = b.add(int('char', 1, SIGNED));
  const comm = b.add({ kind: KIND.ARRAY, name: '', type: char, indexType: u32, count: 16 });
  const inner = b.add({ kind: KIND.STRUCT, name: '', size: 8, members: [member('pid', u64, 0)] });
  const union = b.add({ kind: KIND.UNION, name: '', size: 8, members: [member('', inner, 0)] });
  const members = [
    member('flags', u64, 0),
    member('', union, 64),
    member('comm', comm, 128),
    member('b', u32, 260, 5),
    member('a', u32, 265, 3),
  ];
  b.add({ kind: KIND.STRUCT, name: 'task', size: 40, members });
  b.add({ kind: KIND.ENUM, name: 'kind', size: 4, signed: false, values: [{ name: 'KIND_A', value: 7 }] });
  b.add({ kind: KIND.STRUCT, name: 'twice', size: 4, members: [member('x', u32, 0)] });
  b.add({ kind: KIND.STRUCT, name: 'twice', size: 8, members: [member('x', u32, 32)] });
  return new KernelBtf(b.bytes());
}

const local = localTypes();
const kernel = kernelTypes();
const ask = (type: number, access: string, kind: number) =>
  coreAnswer(local.btf, kernel, { insn: 0, type, access, kind });

describe('fields', () => {
  it.each([
    ['pid, inside anonymous members', '0:0', 0, 8n],
    ['the next one of an array of tasks', '1:0', 0, 48n],
    ['bytes of pid', '0:0', 1, 8n],
    ['an element of comm', '0:1:3', 0, 19n],
    ['comm has no sign of its own', '0:1', 3, 0n],
    ['an element of comm has', '0:1:0', 3, 1n],
    ['pid is there', '0:0', 2, 1n],
    ['the word that holds bits a', '0:2', 0, 32n],
    ['its bytes', '0:2', 1, 4n],
    ['the shift to the left', '0:2', 4, 52n],
    ['the shift to the right', '0:2', 5, 61n],
  ])('%s', (_, access, kind, value) => expect(ask(local.task, access, kind).value).toBe(value));

  it('a load of pid is of another size', () => {
    expect(ask(local.task, '0:0', 0).sizes).toEqual({ local: 4, target: 8, signed: false });
  });

  it('of a struct that is gone: not there, and no offset', () => {
    expect(ask(local.gone, '0:0', 2).value).toBe(0n);
    expect(ask(local.gone, '0:0', 0).value).toBeUndefined();
  });

  it('that two structs of the kernel place differently', () => {
    expect(() => ask(local.twice, '0:0', 0)).toThrow('answer differently');
  });

  it('that the object itself does not have', () => {
    expect(() => ask(local.task, '0:9', 0)).toThrow('leads nowhere');
    expect(() => ask(local.task, 'x', 0)).toThrow('leads nowhere');
  });
});

it('types: there, their sizes and ids', () => {
  expect(ask(local.task, '0', 8).value).toBe(1n);
  expect(ask(local.gone, '0', 8).value).toBe(0n);
  expect(ask(local.task, '0', 9).value).toBe(40n);
  expect(ask(local.gone, '0', 9).value).toBeUndefined();
  expect(ask(local.task, '0', 6).value).toBe(BigInt(local.task));
  expect(ask(local.task, '0', 7).value).toBe(BigInt(kernel.struct('task') ?? 0));
  expect(() => ask(local.task, '0', 12)).toThrow('type_matches');
});

it('enumerators: there, and their values', () => {
  expect(ask(local.kind, '0', 10).value).toBe(1n);
  expect(ask(local.kind, '1', 10).value).toBe(0n);
  expect(ask(local.kind, '0', 11).value).toBe(7n);
  expect(ask(local.kind, '1', 11).value).toBeUndefined();
});
