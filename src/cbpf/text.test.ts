import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { classicProgram } from '../../test/support/classic-programs.ts';
import { Random } from '../util/index.ts';
import { AD, CLASSIC_FORMATS, CLASSIC_FORMS, formatClassic, losesInListing, parseClassic } from './index.ts';
import type { ClassicInstruction } from './index.ts';

const tcpdump = (...args: string[]): string => spawnSync('tcpdump', args, { encoding: 'utf8' }).stdout;
const why = spawnSync('tcpdump', ['--version']).error && 'tcpdump is not installed';
if (why) console.warn(`the comparison with tcpdump's own output is skipped: ${why}`);

const FILTERS = [
  'ip',
  'tcp port 80',
  'udp and not port 53',
  'host 192.0.2.1 or net 198.51.100.0/24',
  'ip6 and tcp[tcpflags] & (tcp-syn|tcp-fin) != 0',
  'tcp[((tcp[12:1] & 0xf0) >> 2):4] = 0x47455420',
  'ether broadcast or multicast',
  'vlan 5 and ip proto 47',
  'len > 100 and len <= 1000 and ip[2:2] / 4 % 7 * 3 - 1 > 20',
  'ip[0] & 0xf != 5 and (ip[6:2] ^ 0x1fff) << 2 >> 3 != -ip[8] | 3',
  'portrange 1000-2000',
  'icmp[icmptype] = icmp-echo or arp',
  'mpls 7',
  'ip6 protochain 6',
  'greater 200',
];

describe.skipIf(why)('the output of tcpdump', () => {
  it.each(FILTERS)('%s', (filter) => {
    const [d, dd, ddd] = ['-d', '-dd', '-ddd'].map((option) => tcpdump('-O', option, '-y', 'EN10MB', filter));
    const insns = parseClassic(dd);
    expect(insns.length).toBeGreaterThan(1);
    expect(formatClassic(insns, 'd')).toBe(d);
    expect(formatClassic(insns, 'dd')).toBe(dd);
    expect(formatClassic(insns, 'ddd')).toBe(ddd);
    expect(parseClassic(d)).toEqual(insns);
    expect(parseClassic(ddd)).toEqual(insns);
  });
});

/** Without what a text does not show. */
const shown = (insns: readonly ClassicInstruction[]): ClassicInstruction[] =>
  insns.map((insn) => {
    const operand = CLASSIC_FORMS.find(({ code }) => code === insn.code)?.operand ?? '';
    return ['', 'x', 'a', 'len', 'ifX'].includes(operand) ? { ...insn, k: 0 } : insn;
  });

describe('texts', () => {
  it.each(CLASSIC_FORMATS)('of random programs come back: %s', (format) => {
    const seed = Number(process.env['SKEP_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
    const random = new Random(seed);
    for (let n = 0; n < 300; n++) {
      const insns = shown(classicProgram(random, Object.values(AD)));
      expect(insns.some(losesInListing)).toBe(false);
      expect(parseClassic(formatClassic(insns, format)), `SKEP_SEED=${seed}, program ${n}`).toEqual(insns);
    }
  });

  it('name ancillary loads as libpcap 1.10 does', () => {
    const text = formatClassic(Object.values(AD).map((n) => ({ code: 0x20, jt: 0, jf: 0, k: (n - 0x1000) >>> 0 })));
    expect(text.match(/\[\w+\]/g)?.join(' ')).toBe(
      '[proto] [type] [ifidx] [nla] [nlan] [mark] [queue] [hatype] [rxhash] [cpu] [xor_x] [vlan_tci] [vlanp] [poff] ' +
        '[random] [vlan_tpid]',
    );
  });

  it('print what libpcap 1.10 does for codes and numbers at the edges', () => {
    const k = 0xfffffffe;
    const lines = [0x34, 0xff, 0x60, 0x40, 0xb1, 0x06, 0x05, 0x15, 0x54, 0x04, 0x07, 0x16].map((code) => ({
      code,
      jt: 3,
      jf: 4,
      k,
    }));
    expect(formatClassic(lines).split('\n')).toEqual([
      '(000) div      #-2',
      '(001) unimp    0xff',
      '(002) ld       M[-2]',
      '(003) ld       [x + -2]',
      '(004) ldxb     4*([-2]&0xf)',
      '(005) ret      #-2',
      '(006) ja       5',
      '(007) jeq      #0xfffffffe      jt 11\tjf 12',
      '(008) and      #0xfffffffe',
      '(009) add      #-2',
      '(010) tax      ',
      '(011) ret      ',
      '',
    ]);
  });

  it('in the language of bpf_asm are read with all its words', () => {
    const insns = parseClassic(`
      /* sampled, of one
         VLAN */
      start: ldh [12]
      jne #0x806, drop        ; not ARP
      ld vlan_tci
      and #07
      jlt %x, drop
      ldx 4*([14]&0xf)
      ldxi #3
      ldb [%x + 0x10]
      jset #0b101, keep, drop
      keep: ld rand
      mod #4
      jeq #1, out
      jmp drop
      out: ld M[1]
      ldi #len
      ret %a
      drop: ret #0`);
    expect(formatClassic(insns, 'raw')).toBe(
      '17,40 0 0 12,21 0 14 2054,32 0 0 4294963244,84 0 0 7,61 0 11 0,177 0 0 14,1 0 0 3,80 0 0 16,69 0 7 5,' +
        '32 0 0 4294963256,148 0 0 4,21 1 0 1,5 0 0 3,96 0 0 1,128 0 0 0,22 0 0 0,6 0 0 0\n',
    );
  });

  it.each([
    ['', 'there is no program in it'],
    ['; only a comment', 'there is no program in it'],
    ['ld [0]\nfoo x', 'line 2: no such instruction: foo'],
    ['jeq #1, away\nret #0', 'line 1: no such label: away'],
    ['a: ld [0]\na: ret #0', 'line 2: label a is there twice'],
    ['a: ld [0]\njmp a', 'line 2: a is out of reach'],
    ['ld [0x100000000]', 'line 1: no operand: [0x100000000]'],
    ['ldb #4', 'line 1: ldb does not take this operand'],
    ['3\n6 0 0 0', 'line 1: 3 instructions announced, 1 there'],
    ['1\n6 0 256 0', 'line 2: code, jt, jf and k are due, not 6 0 256 0'],
    ['{ 0x6, 0, 0 },', 'line 1: code, jt, jf and k are due'],
    ['(000) ret #0\n(002) ret #0', 'line 2: instruction 2 where 1 is due'],
    ['(000) jeq #0x0 jt 0\tjf 1', 'line 1: instruction 0 cannot jump to 0'],
    ['(000) ret #0 jt 1\tjf 1', 'line 1: ret has no jt and jf'],
    ['(000) unimp 0xff', 'line 1: no operand: 0xff'],
  ])('that are none are refused: %j', (text, problem) => {
    expect(() => parseClassic(text)).toThrow(problem);
  });
});
