/** What instructions tell of a program's runs. */
import { expect, it } from 'vitest';
import { assemble } from '../asm/index.ts';
import { helperRegistry } from '../helpers/index.ts';
import { compile } from '../vm/index.ts';
import type { ProgramImage } from './api.ts';
import { longestRun, mayWriteContext, packetReach } from './program-facts.ts';

const image = (text: string): ProgramImage =>
  ({ executable: compile(assemble(text).insns, { helpers: helperRegistry }) }) as unknown as ProgramImage;

it.each([
  ['r0 = 0\nexit', 2],
  ['r0 = 0\nif r1 != 0 goto +1\nr0 = 1\nexit', 4],
  ['r0 = 0\nr0 += 1\nif r0 < 5 goto -2\nexit', Infinity],
  ['r0 = 0\nif r1 == 0 goto -2\nexit', Infinity],
  ['goto +0\ncall bpf_ktime_get_ns#5\nexit', 3],
  ['call pc+1\nexit\nr0 = 0\nexit', Infinity],
])('the longest run of %j is %d', (text, most) => expect(longestRun(image(text))).toBe(most));

it.each([
  ['r0 = 0\nexit', 0, 0, 0],
  ['r6 = r1\nr0 = *(u8 *)skb[8]\nexit', 9, 0, 0],
  ['r6 = r1\nr0 = *(u32 *)skb[20]\nr0 = *(u16 *)skb[2]\nexit', 24, 0, 0],
  ['r6 = r1\nr0 = *(u32 *)skb[-1048564]\nr0 = *(u16 *)skb[2]\nexit', 4, 16, 0],
  ['r6 = r1\nr0 = *(u16 *)skb[-2097140]\nexit', 0, 0, 14],
  ['r6 = r1\nr2 = 0\nr0 = *(u8 *)skb[r2 + 3]\nexit', Infinity, Infinity, Infinity],
  ['call bpf_ktime_get_ns#5\nexit', 0, 0, 0],
  ['call bpf_skb_load_bytes#26\nexit', Infinity, Infinity, Infinity],
])(
  'the reach of %j is %d bytes of data, %d from the network header on, %d from the link layer on',
  (text, ...reach) => {
    const [data, network, link] = reach;
    expect(packetReach(image(text))).toEqual({ data, network, link });
  },
);

it.each([
  ['*(u64 *)(r10 -8) = r1\nr0 = *(u32 *)(r1 +48)\nexit', false],
  ['*(u32 *)(r1 +48) = r1\nr0 = 0\nexit', true],
  ['r2 = r10\n*(u64 *)(r2 -8) = 7\nr0 = 0\nexit', true],
  ['lock *(u64 *)(r1 +0) += r2\nr0 = 0\nexit', true],
])('%j may write its context: %s', (text, may) => expect(mayWriteContext(image(text))).toBe(may));
