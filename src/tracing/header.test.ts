/** Headers: their text, and that clang lays the struct out as the record is. */
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { headerText, typesText } from './header.ts';
import { TracepointRegistry } from './registry.ts';

const CLANG = ['clang-16', 'clang-19', 'clang'].find((name) => spawnSync(name, ['--version']).status === 0);

const define = new TracepointRegistry();
const order = define.define('shop', 'order', {
  id: 'u64',
  gone: 'bool',
  default: 's16',
  country: 'char[2]',
  wide: 's64',
});

it('writes the context as C', () => {
  expect(headerText(order)).toBe(`/* shop:order; needs <linux/types.h> or vmlinux.h. */
struct shop_order {
	/* Not for programs. */
	__u16 common_type;                     /* offset 0, size 2 */
	__u8 common_flags;                     /* offset 2, size 1 */
	__u8 common_preempt_count;             /* offset 3, size 1 */
	__s32 common_pid;                      /* offset 4, size 4 */

	__u64 id;                              /* offset 8, size 8 */
	_Bool gone;                            /* offset 16, size 1 */
	__s16 default_;                        /* offset 18, size 2 */
	char country[2];                       /* offset 20, size 2 */
	__s64 wide;                            /* offset 24, size 8 */
};

/*
 * SEC("tracepoint/shop/order")
 * int program(struct shop_order *event)
 *
 * SEC("raw_tracepoint/shop/order")
 * int program(struct bpf_raw_tracepoint_args *event)
 *   args[0]: id, u64
 *   args[1]: gone, bool
 *   args[2]: default, s16
 *   args[3]: address of country, 2 bytes
 *   args[4]: wide, s64
 */
`);
});

it('writes what emit takes as TypeScript', () => {
  expect(typesText(define.define('http', 'server_request_start', { id: 'u64', url: 'char[64]', tls: 'bool', n: 'u8' })))
    .toBe(`/** http:server_request_start */
export interface HttpServerRequestStart {
  /** u64 at offset 8 */
  readonly id: number | bigint;
  /** char[64] at offset 16 */
  readonly url: string;
  /** bool at offset 80 */
  readonly tls: boolean;
  /** u8 at offset 81 */
  readonly n: number;
}
`);
});

it.skipIf(CLANG === undefined)('has clang lay fields out where format says (skipped without clang)', () => {
  const odd = define.define('odd', 'sizes', {
    a: 'u8', b: 'u64', c: 'char[3]', d: 's32', e: 'bool', f: 'char[5]', g: 'u16', h: 'char[1]', int: 's64', i: 's8',
  }); // prettier-ignore
  const asserts = [order, odd].flatMap((point) => {
    const struct = `struct ${point.system}_${point.name}`;
    return point.fields.map(({ name, offset, size }) => {
      const member = ['int', 'default'].includes(name) ? `${name}_` : name;
      return `_Static_assert(__builtin_offsetof(${struct}, ${member}) == ${offset}, "${name}");
        _Static_assert(sizeof(((${struct} *)0)->${member}) == ${size}, "${name}");`;
    });
  });
  const types = ['u8', 'u16', 'u32', 'u64', 's8', 's16', 's32', 's64'].map((type) => {
    const bits = type.slice(1);
    return `typedef ${type[0] === 'u' ? 'unsigned' : 'signed'} ${{ 8: 'char', 16: 'short', 32: 'int' }[bits] ?? 'long long'} __${type};`;
  });
  const source = [...types, headerText(order), headerText(odd), ...asserts].join('\n');
  const { status, stderr } = spawnSync(CLANG as string, ['-target', 'bpf', '-fsyntax-only', '-x', 'c', '-'], {
    input: source,
  });
  expect([status, stderr.toString()]).toEqual([0, '']);
});
