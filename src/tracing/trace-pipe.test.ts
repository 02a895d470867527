/** The lines of trace_pipe: their layout, what is lost, who waits for them. */
import { expect, it } from 'vitest';
import { TracePipe } from './trace-pipe.ts';

it('lays lines out as ftrace does', () => {
  const pipe = new TracePipe({ clock: () => 26_181_801_972_999, task: { comm: 'bash', pid: 8626 } });
  pipe.print('tracing_mark_write', 'hello 382');
  // On Linux 6.18, with preemption off: `...1.`
  expect(pipe.read()).toBe('            bash-8626    [000] ..... 26181.801972: tracing_mark_write: hello 382\n');
  const early = new TracePipe({ clock: () => 1_002_000, task: { comm: 'a-name-of-15-cha', pid: 4_194_304 } });
  early.print('e', '');
  expect(early.read()).toBe('a-name-of-15-cha-4194304 [000] .....     0.001002: e: \n');
});

it('keeps the latest lines, and says how many were lost', () => {
  const pipe = new TracePipe({ capacity: 3 });
  for (let i = 0; i < 100; i++) pipe.add(`line ${i}`);
  expect(pipe.next()).toBe('CPU:0 [LOST 97 EVENTS]');
  expect(pipe.next()).toBe('line 97');
  pipe.add('line 100');
  expect(pipe.read()).toBe('line 98\nline 99\nline 100\n');
  pipe.add('line 101');
  expect([pipe.read(), pipe.read(), pipe.next()]).toEqual(['line 101\n', '', undefined]);
});

it('gives lines to whoever waits, in order, until it is closed', async () => {
  const pipe = new TracePipe();
  const lines: string[] = [];
  const reader = (async () => {
    for await (const line of pipe) lines.push(line);
  })();
  pipe.add('a');
  await Promise.resolve();
  pipe.add('b');
  await new Promise((resolve) => setTimeout(resolve));
  expect(lines).toEqual(['a', 'b']);
  pipe.add('c');
  pipe.close();
  pipe.add('too late');
  await reader;
  expect(lines).toEqual(['a', 'b', 'c']);
});
