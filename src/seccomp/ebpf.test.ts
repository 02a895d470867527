/** The same filter as classic and as eBPF, and what only eBPF can do wrong. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseClassic } from '../cbpf/index.ts';
import { Random } from '../util/index.ts';
import { ClassicFilter, EbpfFilter, SeccompData, SeccompFilters, WORD, comparisons, formatVerdict } from './index.ts';

const CLASSIC = `
        ld [0]
        jeq #39, deny
        jeq #257, openat
allow1: ret #0x7fff0000
openat: ld [32]
        jset #3, deny
        ld [20]
        jgt #7, deny
        ret #0x7fff0000
deny:   ret #0x50001`;

const EBPF = `
r2 = *(u32 *)(r1 + 0)
if r2 == 39 goto deny
if r2 == 257 goto openat
r0 = 0x7fff0000
exit
openat:
r3 = *(u8 *)(r1 + 32)
r3 &= 3
if r3 != 0 goto deny
r4 = *(u64 *)(r1 + 16)
r4 >>= 32
if r4 > 7 goto deny
r0 = 0x7fff0000
exit
deny:
r0 = 0x50001
exit`;

describe('an eBPF filter', () => {
  it('answers as the same one in classic BPF', () => {
    const classic = new ClassicFilter(parseClassic(CLASSIC));
    using ebpf = EbpfFilter.fromText(EBPF, 'filter');
    expect(ebpf.pure).toBe(true);
    const random = new Random(7);
    const answers = new Set<number>();
    for (let n = 0; n < 500; n++) {
      const data = new SeccompData().reset(random.pick([39, 257, 257, 257, 1]), 0xc000003e);
      data.setArg(0, random.u32(), random.below(10));
      data.setArg(2, random.below(8) & random.below(8), random.u32());
      const [a, b] = [classic.run(data), ebpf.run(data)];
      expect(b.outcomes.map(({ returned }) => returned)).toEqual(a.outcomes.map(({ returned }) => returned));
      answers.add(b.outcomes[0].returned);
    }
    expect(answers.size).toBe(2);
  });

  it('tells the way to its answer', () => {
    using filter = EbpfFilter.fromText(EBPF, 'filter');
    const data = new SeccompData().reset(257, 0xc000003e);
    data.setArg(0, 0, 0);
    data.setArg(2, 1, 0);
    const { outcomes, reads } = filter.run(data);
    expect(outcomes).toMatchObject([{ returned: 0x50001, insn: 17 }]);
    expect(comparisons(outcomes[0])).toEqual([
      { insn: 1, held: false },
      { insn: 2, held: true },
      { insn: 8, held: true },
    ]);
    expect(reads).toBe((1 << WORD.NR) | (1 << (WORD.ARGS + 4)));
    expect(filter.text(17)).toBe('exit');
  });

  it('ends where it reads what is not known', () => {
    using filter = EbpfFilter.fromText(EBPF, 'filter');
    const data = new SeccompData().reset(257, 0xc000003e);
    expect(filter.run(data)).toMatchObject({ outcomes: [], unknown: 1 << (WORD.ARGS + 4), complete: false });
    data.setArg(2, 0, 0);
    data.setArg(0, 5, 0, false);
    expect(filter.run(data)).toMatchObject({ outcomes: [], unknown: 1 << (WORD.ARGS + 1), complete: false });
    data.setArg(0, 5, 0);
    expect(filter.run(data)).toMatchObject({ outcomes: [{ returned: 0x7fff0000 }], complete: true });
  });

  it('of an object keeps its maps from call to call', () => {
    const object = readFileSync(new URL('../../test/seccomp/third.bpf.o', import.meta.url));
    using filter = EbpfFilter.fromObject(new Uint8Array(object), 'third.bpf.o');
    expect(filter.pure).toBe(false);
    const filters = new SeccompFilters([filter]);
    const returned = [41, 41, 1, 41, 41, 41, 41].map((nr) => {
      const { certain, answers } = filters.decide(new SeccompData().reset(nr, 0xc000003e));
      expect(certain).toBe(true);
      return formatVerdict(answers[0].returned);
    });
    expect(returned.join(' ')).toBe('ALLOW ALLOW ALLOW ERRNO(EPERM) ALLOW ALLOW ERRNO(EPERM)');
  });

  it('may change its own copy of the call only', () => {
    using filter = EbpfFilter.fromText('r2 = 1\n*(u32 *)(r1 + 0) = r2\nr0 = 0x7fff0000\nexit', 'filter');
    const data = new SeccompData().reset(39, 0xc000003e);
    expect(filter.run(data).outcomes).toHaveLength(1);
    expect(data.words[0]).toBe(39);
  });

  it('is refused where it is not safe, or reads beyond the call', () => {
    expect(() => EbpfFilter.fromText('r0 = *(u32 *)(r2 + 0)\nexit', 'filter')).toThrow('R2 !read_ok');
    expect(() => EbpfFilter.fromText('exit', 'filter')).toThrow('R0 !read_ok');
    expect(() => EbpfFilter.fromText('nonsense', 'filter')).toThrow('filter:1');
    using far = EbpfFilter.fromText('r0 = *(u32 *)(r1 + 64)\nexit', 'far');
    expect(() => far.run(new SeccompData().reset(39, 0xc000003e))).toThrow(
      /EACCES.*far reads beyond struct seccomp_data/,
    );
  });
});
