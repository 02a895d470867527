/** Whatever an application, a file or a user gives: events throw nothing, texts are refused with an error of ours. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BpfError, FormatError } from '../errors/index.ts';
import { createKernel } from '../kernel/index.ts';
import { compileFilter } from './filter.ts';
import { FilterError } from './filter-parse.ts';
import { formatText, parseFormat } from './format.ts';
import { TraceHost } from './host.ts';
import { TracepointRegistry } from './registry.ts';

const FIELDS = { a: 'u64', b: 's16', c: 'bool', d: 'char[7]', e: 's32', f: 'u8', g: 'char[1]', h: 's64', i: 'char[4]', j: 'u32' } as const; // prettier-ignore

/** Values of every kind, and objects that defend themselves. */
const value = fc.oneof(
  fc.anything({ withBigInt: true, withSparseArray: true, withTypedArray: true, withNullPrototype: true }),
  fc.double(),
  fc.bigInt(),
  fc.string({ unit: 'binary' }),
  fc.constant(Symbol('s')),
  fc.constant(() => 1),
  fc.constant(new Proxy({}, { get: () => expect.unreachable() })),
);

/** Objects with some of the fields, of which some throw when they are read. */
const values = fc.dictionary(fc.constantFrom(...Object.keys(FIELDS)), fc.tuple(value, fc.boolean())).map((entries) => {
  const object = {};
  for (const [name, [given, throws]] of Object.entries(entries))
    Object.defineProperty(object, name, { get: () => (throws ? fail() : given) });
  return object;
});

function fail(): never {
  throw new Error('a getter');
}

it('takes any values, and prints what it took in one line', () => {
  using kernel = createKernel();
  using host = new TraceHost(kernel, { registry: new TracepointRegistry() });
  const point = host.define('any', 'values', FIELDS);
  const report = point.emitter(...(Object.keys(FIELDS) as (keyof typeof FIELDS)[]));
  host.writeFile('events/enable', '1');
  fc.assert(
    fc.property(fc.oneof(values, value), fc.array(value, { maxLength: 12 }), (object, list) => {
      point.emit(object as never);
      (report as (...given: unknown[]) => void)(...list);
      const lines = host.pipe.read().split('\n');
      expect(lines).toHaveLength(3);
      for (const line of lines.slice(0, 2)) expect(line).toMatch(/: values: a=\d+ b=-?\d+ c=[01] d=[^\n]* j=\d+$/);
    }),
    { numRuns: 400 },
  );
});

const word = fc.constantFrom('a', 'b', 'd', 'nosuch', '==', '!=', '~', '<', '&', '&&', '||', '!', '(', ')', '5', '-1', '"x"', "'*'", '"', ' ', '0x1f', 'é'); // prettier-ignore

it('compiles a filter or shows where it is wrong', () => {
  using kernel = createKernel();
  using host = new TraceHost(kernel, { registry: new TracepointRegistry() });
  const point = host.define('any', 'values', FIELDS);
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(word, { maxLength: 14 }).map((words) => words.join(' ')),
        fc.string(),
      ),
      (text) => {
        try {
          const { test } = compileFilter(text, point.fields);
          expect(typeof test(new DataView(new ArrayBuffer(512)), 0)).toBe('boolean');
        } catch (error) {
          if (!(error instanceof FilterError)) throw error;
          expect(error.shown).toMatch(/\n *\^\nparse_error: [A-Z]/);
        }
      },
    ),
    { numRuns: 2000 },
  );
});

it('reads a damaged format or says which line is wrong', () => {
  const text = formatText(new TracepointRegistry().define('any', 'values', FIELDS));
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.nat(12), fc.string({ maxLength: 4 }), (at, gone, put) => {
      try {
        parseFormat(text.slice(0, at) + put + text.slice(at + gone));
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
        expect((error as FormatError).line).toBeGreaterThan(0);
      }
    }),
    { numRuns: 1000 },
  );
});

it('answers any path and text with an error of ours', () => {
  using kernel = createKernel();
  using host = new TraceHost(kernel, { registry: new TracepointRegistry() });
  host.define('any', 'values', FIELDS);
  const part = fc.constantFrom('events', 'any', 'values', 'filter', 'enable', 'id', 'format', 'trace_pipe', '', '.', '..', '__proto__', '\0'); // prettier-ignore
  const text = fc.oneof(fc.string(), fc.constantFrom('0', '1', 'bpf_1', 'bpf_', 'bpf_-1', 'bpf_4294967296', 'a == 1'));
  fc.assert(
    fc.property(fc.array(part, { maxLength: 5 }), text, (parts, given) => {
      const path = parts.join('/');
      for (const call of [() => host.readFile(path), () => host.writeFile(path, given), () => host.readDir(path)])
        try {
          call();
        } catch (error) {
          expect(error).toBeInstanceOf(BpfError);
        }
    }),
    { numRuns: 1000 },
  );
});
