/** Whose verdict: what the patch set of 2014 refused and Linux 6.18 accepts, and what both accept. */
import { expect, it } from 'vitest';
import { profileNamed, type MapDesc } from '../contracts/index.ts';
import { errnoName } from '../errors/index.ts';
import { CAP, MAP_TYPE, PROG_TYPE, PROG_TYPE_NAMES } from '../uapi/index.ts';
import { inputOf } from '../../test/support/verifier-env.ts';
import { verify } from './index.ts';

/** A map of four keys of 8 bytes and values of 8. */
const mapOfType = (type: number): MapDesc => ({
  type,
  keySize: 8,
  valueSize: 8,
  maxEntries: 4,
  flags: 0,
  name: 'm',
  frozen: false,
});

const ALL = (1n << 41n) - 1n;

interface Asked {
  readonly type?: number;
  readonly license?: string;
  readonly caps?: bigint;
  readonly map?: number;
}

function answers(
  source: string,
  { type = PROG_TYPE.SOCKET_FILTER, license = 'GPL', caps = ALL, map = MAP_TYPE.HASH }: Asked = {},
): string[] {
  return ['linux-6.18', 'lwn-2014'].map((name) => {
    const result = verify(
      inputOf(source, {
        progType: type,
        license,
        caps,
        mapOf: () => mapOfType(map),
        logLevel: 1,
        profile: profileNamed(name),
      }),
    );
    return result.ok ? 'accepted' : `${errnoName(result.errno)} ${result.summary}`;
  });
}

const LOOP = 'r0 = 0\nr0 += 1\nif r0 == 8 goto pc+1\ngoto pc-3\nexit';
const RETURN = 'r0 = 0\nexit';

it.each<[string, string, Asked, string]>([
  ['loops', LOOP, {}, 'EINVAL back-edge from insn 3 to 1'],
  [
    'other licences',
    RETURN,
    { license: 'MIT' },
    "EINVAL profile lwn-2014: the licence 'MIT' is not compatible with the GPL",
  ],
  ['other types', RETURN, { type: PROG_TYPE.XDP }, 'EINVAL profile lwn-2014: there are no programs of type xdp'],
  [
    'other callers',
    RETURN,
    { caps: (1n << BigInt(CAP.BPF)) | (1n << BigInt(CAP.PERFMON)) },
    'EPERM profile lwn-2014: programs are loaded with CAP_SYS_ADMIN only',
  ],
  [
    'other helpers',
    'call bpf_ktime_get_ns#5\nr0 = 0\nexit',
    {},
    'EINVAL profile lwn-2014: insn 0: programs of type socket_filter cannot call bpf_ktime_get_ns',
  ],
  ['functions', 'call pc+1\nexit\nr0 = 0\nexit', {}, 'EINVAL profile lwn-2014: insn 0: only helpers can be called'],
  [
    'later instructions',
    'r0 = 0\nif w0 == 0 goto pc+0\nexit',
    {},
    'EINVAL profile lwn-2014: insn 1: there is no such instruction (opcode 0x16)',
  ],
  [
    'stack that nothing wrote',
    'r0 = *(u64 *)(r10 -8)\nr0 = 0\nexit',
    {},
    'EACCES invalid read from stack off -8+0 size 8',
  ],
  [
    'keys that are half written',
    'r2 = r10\nr2 += -8\n*(u32 *)(r10 -8) = 0\nr1 = map[m]\ncall bpf_map_lookup_elem#1\nr0 = 0\nexit',
    {},
    'EACCES invalid read from stack R2 off -8+4 size 8',
  ],
  [
    'stack that is written on one way only',
    'r0 = 0\nif r1 == 0 goto pc+1\n*(u64 *)(r10 -8) = r0\nr0 = *(u64 *)(r10 -8)\nr0 = 0\nexit',
    {},
    'EACCES invalid read from stack off -8+0 size 8',
  ],
])('lwn-2014 has no %s', (_what, source, asked, answer) => {
  expect(answers(source, asked)).toEqual(['accepted', answer]);
});

it.each([PROG_TYPE.SOCKET_FILTER, PROG_TYPE.TRACEPOINT].map((type) => [PROG_TYPE_NAMES[type], type] as const))(
  'both have programs of type %s that count',
  (_name, type) => {
    const source =
      'r2 = r10\nr2 += -8\n*(u64 *)(r10 -8) = 0\nr1 = map[m]\ncall bpf_map_lookup_elem#1\nif r0 == 0 goto pc+2\nr1 = 1\nlock *(u64 *)(r0 +0) += r1\nr0 = 0\nexit';
    expect(answers(source, { type })).toEqual(['accepted', 'accepted']);
    expect(answers(source, { type, map: MAP_TYPE.LRU_HASH })[1]).toBe(
      'EINVAL profile lwn-2014: there are no maps of type lru_hash',
    );
  },
);

it('a program for no place is judged without its context, and only where there are such programs', () => {
  const anyContext = 'r0 = *(u32 *)(r1 +3)\n*(u64 *)(r1 -8) = r0\nr6 = r1\nr0 = *(u8 *)skb[23]\nexit';
  const of = (source: string) => answers(source, { type: PROG_TYPE.UNSPEC })[1];
  expect(of(anyContext)).toBe('accepted');
  expect(of('r2 = r1\nr2 += 4\nr0 = *(u32 *)(r2 +0)\nexit')).toMatch(/^EACCES dereference of modified ctx ptr R2/);
  expect(of('r0 = *(u64 *)(r10 -8)\nr1 = *(u64 *)(r0 +0)\nexit')).not.toBe('accepted');
  expect(of('r0 = r2\nexit')).toBe('EACCES R2 !read_ok');
  expect(of(LOOP)).toBe('EINVAL back-edge from insn 3 to 1');
  expect(of('call bpf_ktime_get_ns#5\nr0 = 0\nexit')).toMatch(/cannot call bpf_ktime_get_ns$/);
  expect(answers(RETURN, { type: PROG_TYPE.UNSPEC })[0]).toBe('ENOTSUPP unsupported by skep: program type 0');
});
