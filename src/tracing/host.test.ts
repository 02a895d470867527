/** Tracepoints, programs on them, and the tree: as users of the API meet them. */
import { afterEach, expect, it } from 'vitest';
import { assemble } from '../asm/index.ts';
import { BpfError } from '../errors/index.ts';
import { RingbufReader } from '../events/index.ts';
import { encode } from '../isa/index.ts';
import { createKernel } from '../kernel/index.ts';
import type { Kernel } from '../kernel/index.ts';
import { BPF_CMD, MAP_TYPE, PROG_TYPE, PSEUDO } from '../uapi/index.ts';
import { TraceHost, TracepointRegistry } from './index.ts';

const FIELDS = { id: 'u64', total: 'u32', country: 'char[2]' } as const;
const disposables: Disposable[] = [];

afterEach(() => disposables.splice(0).forEach((one) => one[Symbol.dispose]()));

function setUp() {
  const kernel = createKernel();
  const host = new TraceHost(kernel, { registry: new TracepointRegistry(), clock: () => 12_345_678_901_000 });
  disposables.push(kernel, host);
  const order = host.define('shop', 'order', FIELDS);
  return { kernel, host, order };
}

/** Load text; `map[x]` is the map of descriptor `mapFd`. */
function load(kernel: Kernel, text: string, progType: number = PROG_TYPE.TRACEPOINT, mapFd = -1): { fd: number } {
  const logBuf = new Uint8Array(65536);
  const { insns: given, mapRefs } = assemble(text);
  const insns = [...given];
  for (const { insn } of mapRefs) insns[insn] = { ...insns[insn], src: PSEUDO.MAP_FD, imm: mapFd };
  const attr = { progType, insns: encode(insns), license: 'GPL', progName: 'probe', logLevel: 1, logBuf };
  const fd = kernel.bpf(BPF_CMD.PROG_LOAD, attr);
  if (fd < 0) throw new Error(`${fd}: ${new TextDecoder().decode(logBuf).replace(/\0+$/, '')}`);
  return { fd };
}

/** A program that copies bytes of its context to the value of an array of one. */
function copier(kernel: Kernel, size: number, loads: readonly [size: string, from: number][]) {
  const map = kernel.bpf(BPF_CMD.MAP_CREATE, { mapType: MAP_TYPE.ARRAY, keySize: 4, valueSize: size, maxEntries: 1 });
  const copies = loads.map(([word, from]) => `r1 = *(${word} *)(r6 +${from})\n*(${word} *)(r0 +${from}) = r1`);
  const program = load(
    kernel,
    `r6 = r1
     *(u32 *)(r10 -4) = 0
     r1 = map[out]
     r2 = r10
     r2 += -4
     call 1
     if r0 == 0 goto +${2 * loads.length}
     ${copies.join('\n')}
     r0 = 0
     exit`,
    PROG_TYPE.TRACEPOINT,
    map,
  );
  const read = (): Uint8Array => {
    const value = new Uint8Array(size);
    expect(kernel.bpf(BPF_CMD.MAP_LOOKUP_ELEM, { mapFd: map, key: new Uint8Array(4), value })).toBe(0);
    return value;
  };
  return { program, read };
}

it('runs a program on the record of an event', () => {
  const { kernel, host, order } = setUp();
  const { program, read } = copier(kernel, 24, [['u64', 8], ['u32', 16], ['u16', 20]]); // prettier-ignore
  const link = host.attach('shop:order', program);
  order.emit({ id: 7n, total: 1999, country: 'DE' });
  const view = new DataView(read().buffer);
  expect([view.getBigUint64(8, true), view.getUint32(16, true)]).toEqual([7n, 1999]);
  expect(new TextDecoder().decode(read().subarray(20, 22))).toBe('DE');
  expect([link.runs, link.misses, link.attached]).toEqual([1, 0, true]);
  link.detach();
  order.emit({ id: 8n, total: 1, country: 'FR' });
  expect([link.runs, link.attached, order.enabled]).toEqual([1, false, false]);
});

it('attaches and detaches through the filter file', () => {
  const { kernel, host, order } = setUp();
  const { program, read } = copier(kernel, 24, [['u32', 16]]);
  const id = host.attach('shop:order', program);
  id.detach();
  host.writeFile('events/shop/order/filter', 'bpf_1\n');
  kernel.close(program.fd);
  expect(host.readFile('events/shop/order/filter')).toBe('bpf_1\n');
  order.emit({ id: 1, total: 5, country: 'DE' });
  expect(read()[16]).toBe(5);
  host.writeFile('events/shop/order/filter', '0');
  expect(host.readFile('events/shop/order/filter')).toBe('none\n');
  expect(() => host.writeFile('events/shop/order/filter', 'bpf_1')).toThrow(BpfError);
});

it('words format as tracefs does', () => {
  const { host, order } = setUp();
  expect(host.readFile('events/shop/order/format')).toBe(`name: order
ID: ${order.id}
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:unsigned char common_flags;	offset:2;	size:1;	signed:0;
	field:unsigned char common_preempt_count;	offset:3;	size:1;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:u64 id;	offset:8;	size:8;	signed:0;
	field:u32 total;	offset:16;	size:4;	signed:0;
	field:char country[2];	offset:20;	size:2;	signed:0;

print fmt: "id=%llu total=%u country=%s", REC->id, REC->total, REC->country
`);
});

it('lets programs and trace_pipe see what passes the filter', () => {
  const { kernel, host, order } = setUp();
  const { program } = copier(kernel, 24, [['u32', 16]]);
  const link = host.attach('shop:order', program);
  const file = 'events/shop/order/filter';
  host.writeFile('events/shop/order/enable', '1');
  host.writeFile(file, 'total > 5 && country == "DE"\n');
  expect(host.readFile(file)).toBe(`total > 5 && country == "DE"\nbpf_${link.program.id}\n`);
  order.emit({ id: 1, total: 5, country: 'DE' });
  order.emit({ id: 2, total: 6, country: 'FR' });
  order.emit({ id: 3, total: 7, country: 'DE' });
  expect(link.runs).toBe(1);
  expect(host.readFile('trace_pipe')).toBe(
    '            skep-1       [000] ..... 12345.678901: order: id=3 total=7 country=DE\n',
  );
  expect(host.readFile('trace_pipe')).toBe('');
});

it('shows where a filter is wrong, and changes nothing', () => {
  const { host } = setUp();
  const file = 'events/shop/order/filter';
  host.writeFile(file, 'total > 5');
  const shown = 'nosuch == 1\n       ^\nparse_error: Field not found';
  const write = (): void => host.writeFile(file, 'nosuch == 1');
  expect(write).toThrow(expect.objectContaining({ code: 'EINVAL', problem: 'Field not found' }));
  expect(write).toThrow(shown);
  expect(host.readFile(file)).toBe(`${shown}\n`);
  expect(host.event('shop:order').filter?.text).toBe('total > 5');
  expect(() => host.writeFile(file, 'bpf_12')).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  expect(() => host.writeFile(file, 'bpf_99999999999')).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  host.writeFile(file, '0');
  expect(host.readFile(file)).toBe('none\n');
});

it('replaces the program that the filter file attached, and only that', () => {
  const { kernel, host, order } = setUp();
  const [a, b, c] = [1, 2, 3].map(() => copier(kernel, 24, [['u32', 16]]).program);
  const file = 'events/shop/order/filter';
  host.attach(order, a);
  host.writeFile(file, 'bpf_2');
  host.writeFile(file, 'bpf_2');
  host.writeFile(file, 'bpf_3');
  expect(host.readFile(file)).toBe('bpf_1\nbpf_3\n');
  expect(() => host.writeFile(file, 'bpf_1')).toThrow(expect.objectContaining({ code: 'EEXIST' }));
  expect(() => host.attach(order, c)).toThrow(expect.objectContaining({ code: 'EEXIST' }));
  expect(
    [a, b, c].map((program) => host.event(order).links.some((link) => link.program.id === program.fd)),
  ).toBeDefined();
  host.writeFile(file, '0');
  expect([host.readFile(file), order.listeners]).toEqual(['none\n', 0]);
});

it('switches printing for an event, a system and all', () => {
  const { host, order } = setUp();
  const refund = host.define('shop', 'refund', { note: 'char[16]' });
  const login = host.define('auth', 'login', {});
  const enables = (): string =>
    ['events/enable', 'events/shop/enable', 'events/auth/enable', 'events/shop/order/enable']
      .map((path) => host.readFile(path).trim())
      .join('');
  expect(enables()).toBe('0000');
  host.writeFile('events/shop/order/enable', '1');
  expect(enables()).toBe('XX01');
  host.writeFile('events/enable', '1\n');
  expect(enables()).toBe('1111');
  login.emit({});
  refund.emit({ note: 'a\nb' });
  expect(
    host.pipe
      .read()
      .split('\n')
      .map((line) => line.slice(49)),
  ).toEqual([': login: ', ': refund: note=a\\x0ab', '']);
  host.writeFile('events/shop/enable', '0');
  expect(enables()).toBe('X010');
  expect([order.enabled, login.enabled]).toEqual([false, true]);
  expect(() => host.writeFile('events/enable', '2')).toThrow(expect.objectContaining({ code: 'EINVAL' }));
});

it('lists the tree, and says what is not in it', () => {
  const { host, order } = setUp();
  expect(host.readDir('')).toEqual(['available_events', 'events', 'trace_pipe']);
  expect(host.readDir('events')).toEqual(['enable', 'shop']);
  expect(host.readDir('events/shop/order/')).toEqual(['enable', 'filter', 'format', 'id']);
  expect(host.readFile('events/shop/order/id')).toBe(`${order.id}\n`);
  expect(host.readFile('available_events')).toBe('shop:order\n');
  const code = (body: () => unknown): string => {
    try {
      return String(body());
    } catch (error) {
      return (error as BpfError).code;
    }
  };
  expect([
    code(() => host.readFile('events/shop/nosuch/id')),
    code(() => host.readFile('events/shop')),
    code(() => host.readDir('events/shop/order/id')),
    code(() => host.readFile('events/shop/order/id/x')),
    code(() => host.writeFile('events/shop/order/id', '1')),
    code(() => host.readFile('../etc/passwd')),
    code(() => host.readFile('constructor')),
  ]).toEqual(['ENOENT', 'EISDIR', 'ENOTDIR', 'ENOTDIR', 'EACCES', 'ENOENT', 'ENOENT']);
});

it('refuses programs that read what the event does not have, and says which field', () => {
  const { kernel, host } = setUp();
  host.define('shop', 'parcel', { kind: 'u8', weight: 'u32', to: 'char[10]', from: 'u16' });
  const refusal = (size: string, offset: number): string => {
    const program = load(kernel, `r0 = *(${size} *)(r1 +${offset})\nr0 = 0\nexit`);
    try {
      host.attach('shop:parcel', program).detach();
      return 'attached';
    } catch (error) {
      expect(error).toMatchObject({ code: 'EACCES' });
      return (error as BpfError).message.replace(/^.*EACCES\): /, '');
    } finally {
      kernel.close(program.fd);
    }
  };
  expect([refusal('u8', 8), refusal('u32', 12), refusal('u16', 14), refusal('u64', 16), refusal('u16', 26)]).toEqual(
    Array(5).fill('attached'),
  );
  expect(refusal('u8', 9)).toBe('the program reads 1 byte at offset 9: shop:parcel has no field there');
  expect(refusal('u32', 8)).toBe('the program reads 4 bytes at offset 8: the field kind is 1 byte at offset 8');
  expect(refusal('u64', 8)).toBe('the program reads 8 bytes at offset 8: the field kind is 1 byte at offset 8');
  expect(refusal('u32', 24)).toBe('the program reads 4 bytes at offset 24: the field to is 10 bytes at offset 16');
  expect(refusal('u64', 24)).toBe('the program reads 32 bytes of context, shop:parcel has 28');
  expect(refusal('u32', -8)).toBe('the program reads 4 bytes at offset -8: shop:parcel has no field there');
});

it('gives raw tracepoint programs the fields as 64-bit arguments', () => {
  const { kernel, host } = setUp();
  const point = host.define('raw', 'event', { small: 's8', flag: 'bool', text: 'char[8]', wide: 'u64' });
  const map = kernel.bpf(BPF_CMD.MAP_CREATE, { mapType: MAP_TYPE.ARRAY, keySize: 4, valueSize: 40, maxEntries: 1 });
  const program = load(
    kernel,
    `r6 = r1
     *(u32 *)(r10 -4) = 0
     r1 = map[out]
     r2 = r10
     r2 += -4
     call bpf_map_lookup_elem
     if r0 == 0 goto +12
     r7 = r0
     r1 = *(u64 *)(r6 +0)
     *(u64 *)(r7 +0) = r1
     r1 = *(u64 *)(r6 +8)
     *(u64 *)(r7 +8) = r1
     r1 = *(u64 *)(r6 +24)
     *(u64 *)(r7 +24) = r1
     r3 = *(u64 *)(r6 +16)
     r1 = r7
     r1 += 32
     r2 = 8
     call bpf_probe_read_kernel_str
     r0 = 0
     exit`,
    PROG_TYPE.RAW_TRACEPOINT,
    map,
  );
  host.attach('raw:event', program);
  point.emit({ small: -2, flag: true, text: 'größe!!', wide: 2 ** 40 });
  const value = new Uint8Array(40);
  kernel.bpf(BPF_CMD.MAP_LOOKUP_ELEM, { mapFd: map, key: new Uint8Array(4), value });
  const view = new DataView(value.buffer);
  expect([0, 8, 24].map((at) => view.getBigInt64(at, true))).toEqual([-2n, 1n, 2n ** 40n]);
  expect(new TextDecoder().decode(value.subarray(32))).toBe('größe\0');
});

it('leaves nothing attached where a source of events cannot start', () => {
  const { kernel, host } = setUp();
  const broken = host.define('broken', 'source', { total: 'u32' }, { enabled: () => expect.fail('no such channel') });
  const { program } = copier(kernel, 24, []);
  expect(() => host.attach('broken:source', program)).toThrow('no such channel');
  expect(() => host.writeFile('events/broken/source/enable', '1')).toThrow('no such channel');
  expect([host.event(broken).links, broken.listeners, host.readFile('events/broken/source/enable')]).toEqual([
    [],
    0,
    '0\n',
  ]);
});

it('grants helpers by name', () => {
  const { kernel, host } = setUp();
  const map = kernel.bpf(BPF_CMD.MAP_CREATE, { mapType: MAP_TYPE.PROG_ARRAY, keySize: 4, valueSize: 4, maxEntries: 1 });
  const text = 'r2 = map[programs]\nr3 = 0\ncall bpf_tail_call\nr0 = 0\nexit';
  const program = load(kernel, text, PROG_TYPE.TRACEPOINT, map);
  expect(() => host.attach('shop:order', program)).toThrow('shop:order does not grant bpf_tail_call');
});

it('lets programs send the whole record', () => {
  const { kernel, host, order } = setUp();
  const ring = kernel.bpf(BPF_CMD.MAP_CREATE, {
    mapType: MAP_TYPE.RINGBUF,
    keySize: 0,
    valueSize: 0,
    maxEntries: 4096,
  });
  const program = load(
    kernel,
    `r3 = r1
     r6 = r1
     r1 = r10
     r1 += -24
     r2 = 22
     call bpf_probe_read_kernel
     r2 = r10
     r2 += -24
     r1 = map[ring]
     r3 = 22
     r4 = 0
     call bpf_ringbuf_output
     r0 = 0
     exit`,
    PROG_TYPE.TRACEPOINT,
    ring,
  );
  host.attach(order, program);
  order.emit({ id: 7n, total: 1999, country: 'DE' });
  const reader = RingbufReader.open(kernel, ring, 4096);
  const records = [...reader.read()].map((record) => Buffer.from(record).toString('hex'));
  reader.close();
  // common_type 1, common_pid 1, id 7, total 1999, DE
  expect(records).toEqual(['0100000001000000' + '0700000000000000' + 'cf070000' + '4445']);
});
