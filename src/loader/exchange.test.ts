import { describe, expect, it } from 'vitest';
import { ERRNO } from '../errors/index.ts';
import type { BpfAttrs, BpfSys, MapElemAttr, ProgLoadAttr, ProgTestRunAttr } from '../sys/index.ts';
import {
  answerLine,
  answerLines,
  ExchangeRunner,
  fromHex,
  parseProgramObject,
  reasonOf,
  statsOf,
  toHex,
} from './index.ts';
import type { ExchangeAnswer, ExchangeBackend, ExchangeOptions } from './index.ts';

const RETURN_0 = 'b700000000000000 9500000000000000';

/** A subsystem that answers what it is told to, and remembers what it was asked. */
class FakeSys implements BpfSys {
  backend = 'userspace';
  readonly possibleCpus = 2;
  log = '';
  load = 100;
  mapCreate = 0;
  readonly loads: ProgLoadAttr[] = [];
  readonly open = new Set<number>();
  readonly #elements = new Map<number, Map<string, string>>();
  #next = 10;

  bpf: BpfSys['bpf'] = (cmd, attr) => {
    const { mapFd, key, value } = attr as MapElemAttr;
    const elements = this.#elements.get(mapFd) ?? new Map<string, string>();
    switch (cmd as number) {
      case 0:
        if (this.mapCreate < 0) return this.mapCreate;
        this.#elements.set(this.#next, new Map());
        return this.#opened();
      case 1: {
        const found = elements.get(toHex(key as Uint8Array));
        if (found) (value as Uint8Array).set(fromHex(found) as Uint8Array);
        return found ? 0 : -ERRNO.ENOENT;
      }
      case 2:
        elements.set(toHex(key as Uint8Array), toHex(value as Uint8Array));
        return 0;
      case 4: {
        const keys = [...elements.keys()];
        const next = keys[key ? keys.indexOf(toHex(key)) + 1 : 0];
        if (next) (attr as BpfAttrs[4]).nextKey.set(fromHex(next) as Uint8Array);
        return next ? 0 : -ERRNO.ENOENT;
      }
      case 5: {
        const load = attr as ProgLoadAttr;
        this.loads.push({ ...load });
        const bytes = new TextEncoder().encode(`${this.log}\0`);
        load.logTrueSize = bytes.length;
        const fits = bytes.length <= (load.logBuf?.length ?? 0);
        if (fits) load.logBuf?.set(bytes);
        if (!fits && load.logBuf) return -ERRNO.ENOSPC;
        return this.load < 0 ? this.load : this.#opened();
      }
      case 10:
        Object.assign(attr as ProgTestRunAttr, { retval: 7, dataSizeOut: 2, duration: 3 });
        return 0;
    }
    return 0;
  };

  #opened(): number {
    this.open.add(this.#next);
    return this.#next++;
  }

  close(fd: number): void {
    expect(this.open.delete(fd), `descriptor ${fd} is open`).toBe(true);
  }
  mmap(): never {
    throw new Error('not called');
  }
  poll(): Promise<void> {
    return Promise.resolve();
  }
  openPerfEvent(): number {
    return -ERRNO.EOPNOTSUPP;
  }

  setsockopt(): number {
    return 0;
  }
}

function ask(
  sys: FakeSys,
  object: object,
  options: ExchangeOptions = {},
  more: Partial<ExchangeBackend> = {},
): ExchangeAnswer {
  const runner = new ExchangeRunner({ with: (_caps, body) => body(sys), ...more }, options);
  const answer = answerLine(runner, JSON.stringify({ insns: RETURN_0, ...object }), 1);
  expect([...sys.open], 'every descriptor is closed').toEqual([]);
  return answer;
}

describe('an answer', () => {
  const log = [
    '0: R1=ctx() R10=fp0',
    '0: (bf) r0 = r2',
    'R2 !read_ok',
    'verification time 12 usec',
    'stack depth 8+0',
    'processed 1 insns (limit 1000000) max_states_per_insn 2 total_states 3 peak_states 4 mark_read 0\n',
  ].join('\n');

  it('has the verdict, the reason and the statistics', () => {
    const sys = new FakeSys();
    sys.log = log;
    sys.load = -ERRNO.EACCES;
    expect(ask(sys, { name: 'x', file: 'f' })).toEqual({
      name: 'x',
      file: 'f',
      errno: 13,
      verdict: 'reject',
      reason: ['R2 !read_ok'],
      verif_usec: 12,
      insns: 1,
      max_states_per_insn: 2,
      total_states: 3,
      peak_states: 4,
      stack_depth: '8+0',
    });
    expect(sys.loads[0].logLevel).toBe(5);
  });

  it('has room for a long log', () => {
    const sys = new FakeSys();
    sys.log = `${'x'.repeat(3 << 20)}\n`;
    const answer = ask(sys, {}, { fullLog: true });
    expect([answer.verdict, answer.log?.length, answer.log_truncated]).toEqual(['accept', (3 << 20) + 1, undefined]);
  });

  it('is unsupported, by name, where user space does not know', () => {
    const sys = new FakeSys();
    sys.load = -ERRNO.ENOTSUPP;
    sys.log = '0: (85) call pc+1\nunsupported by skep: sub-programs\n';
    expect(ask(sys, {})).toMatchObject({
      verdict: 'unsupported',
      errno: 524,
      reason: ['unsupported by skep: sub-programs'],
    });
    sys.log = '0: (85) call bpf_x#1\nhelper refused\n';
    expect(ask(sys, {})).toMatchObject({ verdict: 'reject', errno: 524, reason: ['helper refused'] });
    sys.mapCreate = -ERRNO.ENOTSUPP;
    const maps = [{ type: 'arena', max_entries: 1 }];
    expect(ask(sys, { maps })).toMatchObject({
      verdict: 'unsupported',
      reason: ['unsupported by skep: map type arena'],
    });
    sys.backend = 'linux';
    expect(ask(sys, { maps })).toMatchObject({ verdict: 'setup-failed', reason: ['map_create type arena: ENOTSUPP'] });
  });

  it('resolves names of the kernel only where there is one', () => {
    const object = { kfuncs: [[0, 'bpf_f']] };
    expect(ask(new FakeSys(), object)).toMatchObject({
      verdict: 'unsupported',
      reason: ['unsupported by skep: kfunc bpf_f'],
    });
    const sys = new FakeSys();
    const btfId = (name: string): number | undefined => (name === 'bpf_f' ? 0x1234 : undefined);
    expect(ask(sys, object, {}, { btfId })).toMatchObject({ verdict: 'accept' });
    expect(toHex(sys.loads[0].insns)).toBe('b700000034120000' + '9500000000000000');
    expect(ask(sys, { attach_btf: 'nope' }, {}, { btfId })).toMatchObject({
      verdict: 'setup-failed',
      reason: ['no nope in vmlinux BTF'],
    });
  });

  it('puts descriptors into the instructions and elements into the maps', () => {
    const sys = new FakeSys();
    const answer = ask(
      sys,
      {
        maps: [
          {
            type: 'hash',
            key_size: 2,
            value_size: 1,
            max_entries: 4,
            init: [
              ['0200', 'bb'],
              ['0100', 'aa'],
            ],
          },
          { type: 'percpu_array', key_size: 4, value_size: 4, max_entries: 2, init: [['01000000', '11223344']] },
          { type: 'ringbuf', max_entries: 4096 },
        ],
        map_refs: [[0, 1]],
        runs: [{ data: '0011', ctx: '00' }],
      },
      { run: true },
    );
    expect(toHex(sys.loads[0].insns.subarray(4, 8))).toBe('0b000000');
    expect(answer.runs).toEqual([
      {
        errno: 0,
        retval: 7,
        data_out: '0000',
        ctx_out: '',
        maps_out: [
          [
            ['0100', 'aa'],
            ['0200', 'bb'],
          ],
          [['01000000', '11223344'.padEnd(32, '0')]],
          [],
        ],
        nsec: 3,
      },
    ]);
  });

  it('is given capabilities as bits', () => {
    const seen: (bigint | undefined)[] = [];
    const backend: ExchangeBackend = {
      with: (caps, body) => {
        seen.push(caps);
        return body(new FakeSys());
      },
    };
    const line = (caps?: unknown): string => JSON.stringify({ insns: RETURN_0, caps });
    const runner = new ExchangeRunner(backend);
    answerLine(runner, line(), 1);
    answerLine(runner, line(['bpf', 'CAP_NET_ADMIN', 38]), 1);
    answerLine(runner, line([]), 1);
    answerLine(new ExchangeRunner(backend, { withoutCaps: 1n << 38n }), line([38, 39]), 1);
    expect(seen).toEqual([undefined, (1n << 39n) | (1n << 12n) | (1n << 38n), 0n, 1n << 39n]);
  });

  it('comes even from a subsystem that throws', () => {
    const runner = new ExchangeRunner({
      with: () => {
        throw new Error('broken');
      },
    });
    expect(runner.answer(parseProgramObject({ insns: RETURN_0 }))).toMatchObject({
      verdict: 'setup-failed',
      reason: ['broken'],
    });
  });
});

describe('a malformed object', () => {
  const refused: readonly (readonly [string, unknown, string])[] = [
    ['nothing', {}, 'insns: is missing'],
    ['odd digits', { insns: 'abc' }, 'insns: must be bytes in hexadecimal'],
    ['half a slot', { insns: '9500' }, 'insns: 2 bytes are not a multiple of 8'],
    ['program type', { insns: RETURN_0, prog_type: 'teapot' }, 'prog_type: no "teapot" is known'],
    ['flags', { insns: RETURN_0, prog_flags: -1 }, 'prog_flags: must be a whole number from 0 to 4294967295'],
    ['maps', { insns: RETURN_0, maps: {} }, 'maps: must be an array'],
    ['map type', { insns: RETURN_0, maps: [{}] }, 'maps[0].type: must be a whole number'],
    ['inner map', { insns: RETURN_0, maps: [{ type: 12, inner: 0 }] }, 'maps[0].inner: there is no earlier map 0'],
    ['BTF of a map', { insns: RETURN_0, maps: [{ type: 1, btf: 2 }] }, 'maps[0].btf: there is no BTF 2'],
    [
      'key',
      { insns: RETURN_0, maps: [{ type: 1, key_size: 4, init: [['00', '00']] }] },
      'maps[0].init[0][0]: a key of 1 bytes',
    ],
    ['slot', { insns: RETURN_0, maps: [{ type: 1 }], map_refs: [[2, 0]] }, 'map_refs[0][0]: there is no instruction 2'],
    ['reference', { insns: RETURN_0, map_refs: [[0, 0]] }, 'map_refs[0][1]: there is no map 0'],
    ['tuple', { insns: RETURN_0, map_refs: [[0]] }, 'map_refs[0]: must be an array of 2'],
    ['BTF', { insns: RETURN_0, btfs: ['*'] }, 'btfs[0]: must be base64 or @name'],
    ['capability', { insns: RETURN_0, caps: ['fly'] }, 'caps[0]: no capability "fly"'],
    ['descriptors', { insns: RETURN_0, fd_array: [['prog', 0]] }, 'fd_array[0][0]: must be "map" or "btf"'],
    ['run', { insns: RETURN_0, runs: [{ data: 5 }] }, 'runs[0].data: must be bytes in hexadecimal'],
    ['kfunc', { insns: RETURN_0, kfuncs: [[0, 1]] }, 'kfuncs[0][1]: must be a name'],
    ['licence', { insns: RETURN_0, license: 1 }, 'license: must be a string'],
  ];
  const runner = new ExchangeRunner({ with: (_caps, body) => body(new FakeSys()) });
  for (const [name, object, problem] of refused)
    it(`is refused by field: ${name}`, () => {
      const answer = answerLine(runner, JSON.stringify({ ...(object as object), name }), 3);
      expect(answer).toMatchObject({ name, verdict: 'setup-failed' });
      expect(answer.reason[0]).toContain(`line 3: field ${problem}`);
    });

  it('is refused by line when it is no object', () => {
    expect(answerLine(runner, '{"name":', 9).reason[0]).toMatch(/^line 9: not JSON: /);
    expect(answerLine(runner, '[]', 9).reason[0]).toBe('line 9: must be an object');
    expect(answerLine(runner, 'null', 9).reason[0]).toBe('line 9: must be an object');
  });
});

describe('a stream', () => {
  async function answersTo(chunks: readonly string[]): Promise<ExchangeAnswer[]> {
    const backend: ExchangeBackend = { with: (_caps, body) => body(new FakeSys()) };
    async function* input(): AsyncGenerator<Uint8Array> {
      for (const chunk of chunks) yield Promise.resolve(new TextEncoder().encode(chunk));
    }
    const answers: ExchangeAnswer[] = [];
    for await (const line of answerLines(input(), backend)) answers.push(JSON.parse(line) as ExchangeAnswer);
    return answers;
  }

  it('keeps order over chunks, blank lines and malformed ones', async () => {
    const line = (name: string): string => JSON.stringify({ name, insns: RETURN_0 });
    const text = `${line('a')}\n\n?\r\n${line('ü')}\n${line('c')}`;
    const bytes = [...text].map((char) => char);
    const answers = await answersTo(bytes);
    expect(answers.map(({ name, verdict }) => [name, verdict])).toEqual([
      ['a', 'accept'],
      [null, 'setup-failed'],
      ['ü', 'accept'],
      ['c', 'accept'],
    ]);
    expect(answers[1].reason[0]).toMatch(/^line 3: not JSON/);
    expect(await answersTo([])).toEqual([]);
  });
});

describe('a log', () => {
  it('gives the lines after the last instruction', () => {
    const log = '5: (79) r0 = *(u64 *)(r0 +0)\nfirst line\nsecond line\nprocessed 6 insns (limit 1000000) max\n';
    expect(reasonOf(log)).toEqual(['first line', 'second line']);
  });
  it('gives what follows a jump in the same line below level 2', () => {
    const log =
      '3: (05) goto pc-3 BPF program is too large. Processed 1000001 insn\nprocessed 1000001 insns (limit 1000000) x\n';
    expect(reasonOf(log)).toEqual(['BPF program is too large. Processed 1000001 insn']);
    expect(reasonOf('1: (05) goto pc+1 ; comment\n')).toEqual([]);
  });
  it('gives nothing where it says nothing', () => {
    expect(reasonOf('')).toEqual([]);
    expect(statsOf('')).toEqual({});
    expect(reasonOf('processed 2 insns (limit 1000000) max_states_per_insn 0')).toEqual([]);
  });
  it('takes statistics from the middle of a line only for the reason', () => {
    const log =
      'why notprocessed 1 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n';
    expect(reasonOf(log)).toEqual(['why not']);
    expect(statsOf(log)).toEqual({});
  });
});

describe('hexadecimal', () => {
  it('goes both ways', () => {
    const all = Uint8Array.from({ length: 256 }, (_, i) => i);
    expect(fromHex(toHex(all))).toEqual(all);
    expect(fromHex(' AB cd\n')).toEqual(Uint8Array.of(0xab, 0xcd));
    for (const bad of ['0', '0g', '/0', ':0', '@0', '0x00']) expect(fromHex(bad)).toBeUndefined();
  });
});
