/** `format` files: read from the running kernel and printed back, and refused with the line where they are wrong. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../errors/index.ts';
import { formatOf, parseFormat, printFormat } from './format.ts';
import { TracepointRegistry } from './registry.ts';

const EVENTS = '/sys/kernel/tracing/events';

/** Paths of all `format` files that can be read. */
function formatFiles(): string[] {
  if (!existsSync(EVENTS)) return [];
  const systems = readdirSync(EVENTS, { withFileTypes: true }).filter((one) => one.isDirectory());
  return systems
    .flatMap(({ name }) => readdirSync(join(EVENTS, name)).map((event) => join(EVENTS, name, event, 'format')))
    .filter((path) => existsSync(path));
}

const point = () => new TracepointRegistry().define('shop', 'order', { id: 'u64', gone: 'bool', country: 'char[2]' });

it('reads what it prints', () => {
  const format = formatOf(point());
  expect(parseFormat(printFormat(format))).toEqual(format);
  expect(format.printFmt).toBe('"id=%llu gone=%d country=%s", REC->id, REC->gone, REC->country');
});

describe.skipIf(!existsSync(EVENTS))('events of the running kernel (skipped where tracefs is not mounted)', () => {
  it('prints every format file back', () => {
    const files = formatFiles();
    expect(files.length).toBeGreaterThan(100);
    for (const path of files) {
      const text = readFileSync(path, 'utf8');
      expect(printFormat(parseFormat(text, path))).toBe(text);
    }
  });

  it('lays common fields out as the kernel does', () => {
    const real = parseFormat(readFileSync(join(EVENTS, 'sched/sched_switch/format'), 'utf8'));
    expect(formatOf(point()).common).toEqual(real.common);
    expect(real.fields[0]).toEqual({
      type: 'char',
      name: 'prev_comm',
      entries: 16,
      offset: 8,
      size: 16,
      signed: false,
    });
  });
});

it.each([
  ['', 1, "expected 'name: '"],
  ['name: a\nID: x\n', 2, 'an ID is a number'],
  ['name: a\nID: 1\nformat:\n\tfield:int a;\toffset:0;\tsize:4;\n', 4, 'no field'],
  ['name: a\nID: 1\nformat:\n\n\n', 6, "expected 'print fmt: '"],
])('refuses %j', (text, line, problem) => {
  const refused = (): unknown => parseFormat(text, 'format');
  expect(refused).toThrow(FormatError);
  expect(refused).toThrow(expect.objectContaining({ line, problem }));
});
