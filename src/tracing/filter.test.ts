/** Filters of tracefs: what they let pass, and what Linux 6.18 says of wrong ones. */
import { expect, it } from 'vitest';
import { AddressSpace } from '../memory/index.ts';
import { COMMON_FIELDS, layoutRecord } from './fields.ts';
import type { Fields } from './fields.ts';
import { compileFilter } from './filter.ts';
import { FilterError, parseFilter } from './filter-parse.ts';
import { RecordWriter } from './record.ts';

const FIELDS = {
  id: 'u64',
  delta: 's64',
  total: 'u32',
  shift: 's16',
  flags: 'u8',
  gone: 'bool',
  url: 'char[12]',
} as const;
const ORDER = { id: 2n ** 40n + 5n, delta: -3, total: 1999, shift: -2, flags: 6, gone: true, url: '/api/orders' };

/** Whether a record passes. */
function passes(filter: string, values: Partial<Record<keyof typeof FIELDS, unknown>> = {}): boolean {
  const space = new AddressSpace();
  const layout = layoutRecord(FIELDS);
  const region = space.allocate(layout.size, { kind: 'ctx', name: 'record', writable: false });
  if (region === undefined) throw new Error('no memory');
  const record = { ...ORDER, ...values };
  const [a, b, c, d, e, f, g] = layout.fields.map(({ name }) => record[name as keyof typeof FIELDS]);
  new RecordWriter(space, region.base, layout).write(a, b, c, d, e, f, g, undefined, undefined);
  return compileFilter(filter, layout.fields).test(space.view, region.base);
}

it.each([
  'total > 5 && url == "/api/orders"',
  'total == 1999 && total != 1998 && total <= 1999 && total >= 1999 && total < 2000',
  'total == 0x7cf || total == 03717',
  'id == 1099511627781 && id > 1099511627780 && id < 18446744073709551615',
  'id & 0x10000000000 && id & 1 && !(id & 2)',
  'delta < 0 && delta == -3 && delta > -9223372036854775808 && delta & -9223372036854775808',
  'shift == -2 && shift < 0 && shift & 0x100000000 && !(shift & 1)',
  'flags & 3 && !(flags & 9) && gone == 1',
  'flags == 7 || (flags == 6 && !(total == 1))',
  'flags == 1 && flags == 2 || gone != 0',
  '!flags == 7',
  "url ~ '/api/*' && url ~ '*orders' && url ~ '*pi/o*' && url != 'x'",
  'url ~ "/ap?/[a-o]rders" && url ~ "/api/[!a-n]*" && !(url ~ "orders") && url ~ "*"',
  '((total==1999&&((gone==1))))',
  'common_pid == 0',
])('lets the order pass: %s', (filter) => {
  expect(passes(filter)).toBe(true);
  expect(passes(`!(${filter})`)).toBe(false);
});

it('compares a text with all of a field that it fills', () => {
  expect(passes('url == "/api/orders/"', { url: '/api/orders/' })).toBe(true);
  expect(passes('url == "/api/orders/7"', { url: '/api/orders/' })).toBe(false);
  expect([passes('url == ""', { url: '' }), passes('url == ""'), passes('url ~ "*?*"', { url: '' })]).toEqual([true, false, false]); // prettier-ignore
  expect(passes('url == "größe"', { url: 'größe' })).toBe(true);
});

it('takes numbers beyond a field as numbers', () => {
  expect([passes('flags < 300'), passes('flags == 262'), passes('total < 18446744073709551615')]).toEqual([true, false, true]); // prettier-ignore
});

/** As Linux's files show them, for events of the kernel with fields of these names. */
const WRONG = `
parent_pid >
            ^
parse_error: Invalid value (did you forget quotes)?
parent_pid
          ^
parse_error: Invalid operator
nosuch == 1
       ^
parse_error: Field not found
parent_pid == "x"
               ^
parse_error: Expecting numeric field
parent_comm == 5
                ^
parse_error: Expecting string field
parent_comm > "x"
               ^
parse_error: Illegal operation for field type
(parent_pid == 1
^
parse_error: Too many '('
parent_pid == 1)
               ^
parse_error: Too few '('
parent_pid = 1
            ^
parse_error: Invalid operator
parent_pid == 1 parent_pid == 2
                ^
parse_error: Too many terms in predicate expression
parent_pid ~ "x"
              ^
parse_error: Expecting numeric field
parent_comm ~ x*
               ^
parse_error: Invalid value (did you forget quotes)?
parent_pid == 1x
               ^
parse_error: Illegal integer value
bpf_x
     ^
parse_error: Field not found
parent_comm == "unterminated
               ^
parse_error: Missing matching quote
parent_pid == 1 & child_pid == 2
                ^
parse_error: Too many terms in predicate expression
parent_pid < child_pid
              ^
parse_error: Invalid value (did you forget quotes)?
parent_pid == 08
               ^
parse_error: Illegal integer value
parent_pid===1
             ^
parse_error: Invalid value (did you forget quotes)?
parent_pid <> 1
             ^
parse_error: Invalid value (did you forget quotes)?
parent_pid ! 1
            ^
parse_error: Invalid operator
location == 1 && protocol == 5 || (protocol == 3
                                  ^
parse_error: Too many '('
protocol & -1
            ^
parse_error: Illegal integer value
protocol == 0x
             ^
parse_error: Illegal integer value
protocol == 1.5
             ^
parse_error: Too many terms in predicate expression
protocol == 18446744073709551616
             ^
parse_error: Illegal integer value
location == -9223372036854775809
             ^
parse_error: Illegal integer value
prev_comm == "a\\"b"
                  ^
parse_error: Missing matching quote
prev_comm & "x"
             ^
parse_error: Illegal operation for field type
prev_comm == "x" "y"
                 ^
parse_error: Too many terms in predicate expression
prev_comm != "x" && prev_pid ==
                               ^
parse_error: Invalid value (did you forget quotes)?
prev_comm ~ 5
             ^
parse_error: Expecting string field
prev_pid ~ 5
            ^
parse_error: Illegal operation for field type
(0)
   ^
parse_error: Field not found
prev_pid == (1)
             ^
parse_error: Invalid value (did you forget quotes)?
prev_pid(1)
         ^
parse_error: Invalid operator
prev_pid == 5)(
             ^
parse_error: Too few '('
((
 ^
parse_error: Too many '('
!
 ^
parse_error: No filter found`;

const KERNEL_FIELDS: Fields = {
  parent_pid: 's32',
  child_pid: 's32',
  prev_pid: 's32',
  parent_comm: 'char[16]',
  prev_comm: 'char[16]',
  location: 'u64',
  protocol: 'u16',
};

const byName = new Map(layoutRecord(KERNEL_FIELDS).fields.map((field) => [field.name, field]));

/** What is shown of a wrong filter. */
function shown(filter: string): string {
  try {
    parseFilter(filter, byName);
    return 'no error';
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    expect(error.code).toBe('EINVAL');
    return error.shown;
  }
}

it.each(WRONG.slice(1).split(/(?<=parse_error: .*)\n/))('refuses as Linux does: %s', (text) => {
  expect(shown(text.slice(0, text.indexOf('\n')))).toBe(text);
});

it.each(['', '   ', '()', 'parent_pid == 1 ||', '&& parent_pid == 1', 'parent_pid == 1 && && parent_pid == 2', '!()'])(
  'refuses %j, where an operand is missing',
  (text) => expect(shown(text)).toMatch(/\^\nparse_error: No filter found$/),
);

it('refuses what is longer than a page', () => {
  expect(shown(`parent_pid == 1 ${'|| parent_pid == 1 '.repeat(300)}`)).toContain('Filter too long');
});

it('takes 256 parentheses inside each other, and any number of negations', () => {
  const nested = (depth: number): string => shown(`${'('.repeat(depth)}parent_pid == 1${')'.repeat(depth)}`);
  expect([nested(256), nested(257).endsWith("Too many '('")]).toEqual(['no error', true]);
  expect(shown(`${'!'.repeat(4000)}parent_pid == 1`)).toBe('no error');
});

it('knows the common fields', () => {
  expect(COMMON_FIELDS.every(({ name }) => compileFilter(`${name} == 0`, []).text === `${name} == 0`)).toBe(true);
});
