/** Function and line records, with Linux 6.18's answers. */
import { describe, expect, it } from 'vitest';
import { envOf, inputOf, slot } from '../../test/support/verifier-env.ts';
import { BtfBuilder, KIND } from '../btf/index.ts';
import { EXIT } from '../isa/index.ts';
import type { Instruction } from '../isa/index.ts';
import { checkBtfInfo, checkFuncInfo } from './btf-info.ts';
import { resolveInsns } from './insns.ts';
import { checkSubprogs, findSubprogs } from './subprogs.ts';
import { verify } from './verify.ts';

const builder = new BtfBuilder();
const int = builder.add({ kind: KIND.INT, name: 'int', size: 4, encoding: 1, bits: 32, offset: 0 });
const func = (name: string, returns: number): number => {
  const proto = builder.add({ kind: KIND.FUNC_PROTO, name: '', type: returns, params: [] });
  return builder.add({ kind: KIND.FUNC, name, type: proto, linkage: 1 });
};
const main = func('prog', int);
const helper = func('helper', int);
const nothing = func('nothing', 0);
const file = builder.string('/abs/dir/count.c');
const header = builder.string('maps.h');
const text = builder.string('\t\tint a = 1;  ');
const other = builder.string('return a;');
const accented = builder.string(' s = "é";');
const long = builder.string('é'.repeat(600));
const longFile = builder.string(`${'d/'.repeat(9)}${'f'.repeat(1100)}`);

type Line = readonly [insn: number, file: number, text: number, line: number, column?: number];

interface Records {
  func?: readonly (readonly [insn: number, type: number])[];
  lines?: readonly Line[];
  funcSize?: number;
  lineSize?: number;
  /** Set the last byte of the records of this kind. */
  tail?: 'func' | 'line';
}

/** Records of `size` bytes, words in front. */
function pack(rows: readonly (readonly number[])[], size: number, tail: boolean): Uint8Array {
  const bytes = new Uint8Array(rows.length * size);
  const view = new DataView(bytes.buffer);
  rows.forEach((row, i) =>
    row.forEach((word, w) => {
      if (4 * w + 4 <= size) view.setUint32(i * size + 4 * w, word, true);
    }),
  );
  if (tail) bytes[bytes.length - 1] = 9;
  return bytes;
}

function programBtf({ func = [[0, main]], lines = [], funcSize = 8, lineSize = 16, tail }: Records) {
  const packed = lines.map(([insn, name, source, line, column = 1]) => [insn, name, source, (line << 10) | column]);
  return {
    btf: builder.bytes(),
    funcInfo: pack(func, funcSize, tail === 'func'),
    funcInfoRecSize: func.length ? funcSize : 0,
    lineInfo: pack(packed, lineSize, tail === 'line'),
    lineInfoRecSize: lines.length ? lineSize : 0,
  };
}

const r0 = slot(0xb7);
const exit = slot(EXIT);
const one = [r0, r0, exit];
const first: Line = [0, file, text, 5];
/** Main calls a function at slot 3 that starts with `insn`. */
const two = (insn: Instruction = r0): Instruction[] => [slot(0x85, 0, 1, 0, 2), r0, exit, insn, exit];

function run(insns: readonly Instruction[], records: Records | undefined) {
  const env = envOf(insns, { logLevel: 1, btf: records && programBtf(records) });
  const err = checkFuncInfo(env) || findSubprogs(env) || checkSubprogs(env) || checkBtfInfo(env) || resolveInsns(env);
  return { env, err, log: env.log.text() };
}

describe('function records', () => {
  it.each<[string, readonly Instruction[], Records, string]>([
    [
      'a first record behind the start',
      one,
      { func: [[1, main]] },
      'nonzero insn_off 1 for the first func info record',
    ],
    [
      'one offset twice',
      two(),
      {
        func: [
          [0, main],
          [0, helper],
        ],
      },
      'same or smaller insn offset (0) than previous func info record (0)',
    ],
    ['a type that is no function', one, { func: [[0, int]] }, `invalid type id ${int} in func info`],
    ['a type that is not there', one, { func: [[0, 999]] }, 'invalid type id 999 in func info'],
    ['short records', one, { funcSize: 4 }, 'invalid func info rec size 4\n'],
    ['long records', one, { funcSize: 256 }, 'invalid func info rec size 256\n'],
    [
      'too many records',
      one,
      {
        func: [
          [0, main],
          [1, helper],
        ],
      },
      "number of funcs in func_info doesn't match number of subprogs\n",
    ],
    ['too few records', two(), {}, "number of funcs in func_info doesn't match number of subprogs\n"],
    [
      'another layout',
      two(),
      {
        func: [
          [0, main],
          [2, helper],
        ],
      },
      "func_info BTF section doesn't match subprog layout in BPF program\n",
    ],
    [
      'packet loads that return nothing',
      two(slot(0x20)),
      {
        func: [
          [0, main],
          [3, nothing],
        ],
      },
      "LD_ABS is only allowed in functions that return 'int'.\n",
    ],
    ['packet loads without records', two(slot(0x20)), { func: [] }, 'LD_ABS is not allowed in subprogs without BTF\n'],
    [
      'a bad type before a bad call',
      [slot(0x85, 0, 1, 0, 50), exit],
      { func: [[0, 0]] },
      'invalid type id 0 in func info',
    ],
    [
      'a bad call before a bad count',
      [slot(0x85, 0, 1, 0, 50), exit],
      {
        func: [
          [0, main],
          [1, helper],
        ],
      },
      'call to invalid destination\n',
    ],
    [
      'a bad count before a bad opcode',
      [slot(0xff), exit],
      {
        func: [
          [0, main],
          [1, helper],
        ],
      },
      "number of funcs in func_info doesn't match number of subprogs\n",
    ],
  ])('refuses %s', (_name, insns, records, log) => {
    expect(run(insns, records)).toMatchObject({ err: -22, log });
  });

  it('refuses what is set behind the known part, and only that', () => {
    expect(run(one, { funcSize: 12 }).err).toBe(0);
    expect(run(one, { funcSize: 12, tail: 'func' })).toMatchObject({
      err: -7,
      log: 'nonzero tailing record in func info',
    });
  });

  it('refuses tail calls of functions without BTF', () => {
    const log = 'tail_call is not allowed in subprogs without BTF\n';
    expect(run(two(slot(0x85, 0, 0, 0, 12)), undefined)).toMatchObject({ err: -22, log });
  });
});

describe('line records', () => {
  const at = (insn: number, name = file, source = text): Line => [insn, name, source, 5];
  it.each<[string, readonly Instruction[], Records, string]>([
    ['one slot twice', one, { lines: [first, first] }, 'Invalid line_info[1].insn_off:0 (prev_offset:0 prog->len:3)\n'],
    [
      'going back',
      one,
      { lines: [first, at(2), at(1)] },
      'Invalid line_info[2].insn_off:1 (prev_offset:2 prog->len:3)\n',
    ],
    ['behind the program', one, { lines: [at(3)] }, 'Invalid line_info[0].insn_off:3 (prev_offset:0 prog->len:3)\n'],
    [
      'a text outside of the strings',
      one,
      { lines: [at(0, file, 99999)] },
      'Invalid line_info[0].line_off or .file_name_off\n',
    ],
    [
      'a file outside of the strings',
      one,
      { lines: [at(0, 99999)] },
      'Invalid line_info[0].line_off or .file_name_off\n',
    ],
    [
      'the second slot of ld_imm64',
      [slot(0x18), slot(0), exit],
      { lines: [first, at(1, file, 99999)] },
      'Invalid insn code at line_info[1].insn_off\n',
    ],
    ['a function without its first line', one, { lines: [at(1)] }, 'missing bpf_line_info for func#0\n'],
    [
      'a callee without its first line',
      two(),
      {
        func: [
          [0, main],
          [3, helper],
        ],
        lines: [first, at(4)],
      },
      'missing bpf_line_info for func#1\n',
    ],
    [
      'a callee without lines',
      two(),
      {
        func: [
          [0, main],
          [3, helper],
        ],
        lines: [first],
      },
      'missing bpf_line_info for 1 funcs starting from func#1\n',
    ],
    ['short records', one, { lines: [first], lineSize: 12 }, ''],
  ])('refuses %s', (_name, insns, records, log) => {
    expect(run(insns, records)).toMatchObject({ err: -22, log });
  });

  it('refuses what is set behind the known part', () => {
    const records = { lines: [first], lineSize: 20 };
    expect(run(one, records).err).toBe(0);
    expect(run(one, { ...records, tail: 'line' })).toMatchObject({
      err: -7,
      log: 'nonzero tailing record in line_info',
    });
  });

  it('gives each slot the line that covers it', () => {
    const { env } = run([r0, r0, r0, exit], { func: [], lines: [first, [2, header, other, 7, 3]] });
    expect([...env.aux.line]).toEqual([1, 1, 2, 2]);
    const { insn, file, text, line, column } = env.lines[1];
    expect({ insn, file, text, line, column }).toEqual({
      insn: 2,
      file: 'maps.h',
      text: 'return a;',
      line: 7,
      column: 3,
    });
  });
});

describe('source lines in the log', () => {
  /** The log from the first instruction on, without states. */
  function log(insns: readonly Instruction[], lines: readonly Line[]): string[] {
    const result = verify(inputOf(insns, { btf: programBtf({ lines }) }));
    return result.log
      .split('\n')
      .filter((line) => /^(; |\d+: \()/.test(line))
      .map((line) => line.replace(/ +; .*/, ''));
  }

  it('prints a line when the file or the number changes, without its indentation', () => {
    expect(
      log([r0, r0, r0, r0, exit], [first, [1, file, other, 5, 9], [2, header, other, 5], [3, header, text, 6]]),
    ).toEqual([
      '; int a = 1;   @ count.c:5',
      '0: (b7) r0 = 0',
      '1: (b7) r0 = 0',
      '; return a; @ maps.h:5',
      '2: (b7) r0 = 0',
      '; int a = 1;   @ maps.h:6',
      '3: (b7) r0 = 0',
      '4: (95) exit',
    ]);
  });

  it('counts and cuts lines as bytes', () => {
    const lines: Line[] = [
      [0, file, accented, 5],
      [1, file, long, 6],
      [2, longFile, other, 7],
    ];
    const result = verify(inputOf([r0, r0, exit], { btf: programBtf({ lines }), logLevel: 3 }));
    const bytes = Uint8Array.from(result.log, (byte) => byte.charCodeAt(0));
    const texts = new TextDecoder().decode(bytes).split('\n');
    expect(result.logLength).toBe(bytes.length);
    expect(texts).toContain('; s = "é"; @ count.c:5');
    // Linux prints at most 1,023 bytes at a time: half an accent is lost, of a file also the number and the end of line.
    expect(texts).toContain(`; ${'é'.repeat(511)}\ufffd @ count.c:6`);
    expect(texts).toContain(`; return a; @ ${'f'.repeat(1020)}2: (95) exit`);
  });

  it('does not repeat the line that another path showed last', () => {
    const branch = [slot(0x85, 0, 0, 0, 7), slot(0x15, 0, 0, 1), r0, slot(0xb7, 0, 0, 0, 1), exit];
    expect(log(branch, [first, [2, file, other, 6], [3, file, other, 7]]).slice(-5)).toEqual([
      '; return a; @ count.c:7',
      '3: (b7) r0 = 1',
      '4: (95) exit',
      '3: (b7) r0 = 1',
      '4: (95) exit',
    ]);
  });
});
