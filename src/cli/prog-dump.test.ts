import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { testIo } from '../../test/support/io.ts';
import { UsageError } from './command.ts';
import { command } from './prog.ts';

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));

async function dump(object: string, program: string, stage: string, ...more: string[]): Promise<string> {
  const io = testIo();
  expect(await command.run(['dump', path(object), program, '--stage', stage, ...more], io)).toBe(0);
  return io.stdout;
}

it('shows the instructions of a loaded program', async () => {
  expect(await dump('test/objects/control.o', 'loop_zero', 'xlated')).toBe(`   0: (b4) w1 = 0
   1: (18) r2 = subprog[pc+5]
   3: (b7) r3 = 0
   4: (b7) r4 = 0
   5: (85) call bpf_loop#181
   6: (95) exit
   7: (b7) r0 = 0
   8: (95) exit
`);
});

it('shows the control flow for Graphviz', async () => {
  const text = await dump('test/objects/control.o', 'loop_many', 'cfg');
  const lines = text.split('\n').map((line) => line.trim());
  expect(lines[0]).toBe('digraph "loop_many" {');
  expect(lines.filter((line) => /^subgraph|->/.test(line))).toEqual([
    'subgraph cluster_0 {',
    'subgraph cluster_14 {',
    'b14_0 -> b14_1 [label="else"]',
    'b14_0 -> b14_2 [label="then"]',
    'b14_1 -> b14_2',
  ]);
  expect(text).toContain('18: (61) r3 = *(u32 *)(r2 +12)\\l');
});

it('shows the WebAssembly as text and as bytes', async () => {
  const text = await dump('bench/tiny.o', 'prog', 'wat');
  // Addresses depend on what else has taken memory.
  expect(text.replace(/(i32|i64)\.const [1-9]\d{4,}/g, '$1.const ADDRESS')).toMatchInlineSnapshot(`
    "(module
      (type (;0;) (func (param i32)))
      (type (;1;) (func (param i32 i32) (result i32)))
      (type (;2;) (func (param i64 i64 i64 i64 i64 i64) (result i64)))
      (type (;3;) (func (param i32 i32 i32) (result i32)))
      (type (;4;) (func (param i32 i32 i32)))
      (type (;5;) (func (param i32) (result i32)))
      (import "skep" "memory" (memory 1))
      (import "skep" "invalid" (func (;0;) (type 0)))
      (import "skep" "setUp" (func (;1;) (type 0)))
      (global (;0;) (mut i64) (i64.const 0))
      (func (;2;) (export "main") (type 1) (param i32 i32) (result i32)
        (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
        local.get 0
        i64.extend_i32_u
        local.set 3
        local.get 1
        i64.extend_i32_u
        local.set 4
        i64.const ADDRESS
        local.set 12
        i64.const 0
        local.set 2
        i32.const ADDRESS
        local.get 2
        i64.store offset=8
        local.get 2
        i32.wrap_i64
        return
        unreachable
      )
      (func (;3;) (export "repeat") (type 3) (param i32 i32 i32) (result i32)
        (local i32)
        loop
          local.get 0
          local.get 1
          call 2
          local.set 3
          local.get 2
          i32.const 1
          i32.sub
          local.tee 2
          br_if 0
        end
        local.get 3
      )
      (func (;4;) (export "batch") (type 4) (param i32 i32 i32)
        (local i32)
        loop
          local.get 1
          i32.load
          local.set 3
          local.get 0
          local.get 3
          i32.store
          local.get 0
          local.get 3
          i32.store offset=8
          local.get 0
          local.get 3
          local.get 1
          i32.load offset=4
          i32.add
          i32.store offset=4
          local.get 1
          local.get 0
          i32.const 0
          call 2
          i32.store offset=8
          local.get 1
          i32.const 16
          i32.add
          local.set 1
          local.get 2
          i32.const 1
          i32.sub
          local.tee 2
          br_if 0
        end
      )
      (func (;5;) (export "call") (type 5) (param i32) (result i32)
        (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
        i32.const ADDRESS
        i32.load offset=92
        local.get 0
        i32.sub
        if
          local.get 0
          call 1
        end
        local.get 0
        i64.extend_i32_u
        local.set 2
        i64.const ADDRESS
        local.set 11
        i64.const 0
        local.set 1
        i32.const ADDRESS
        local.get 1
        i64.store offset=8
        local.get 1
        i32.wrap_i64
        return
        unreachable
      )
    )
    "
  `);
  const bytes = Buffer.from((await dump('bench/tiny.o', 'prog', 'wasm')).replaceAll('\n', ''), 'hex');
  expect(WebAssembly.validate(bytes)).toBe(true);
});

it('shows what guards accesses', async () => {
  const plain = await dump('bench/csum.o', 'prog', 'wat');
  const hardened = await dump('bench/csum.o', 'prog', 'wat', '--hardened');
  expect(plain).not.toContain('"check"');
  expect(hardened).toContain('"check"');
});

it('knows its stages', async () => {
  const run = (...args: string[]) => command.run(['dump', path('bench/tiny.o'), ...args], testIo());
  await expect(run()).rejects.toThrow(UsageError);
  await expect(run('--stage', 'elf')).rejects.toThrow('--stage is one of xlated, cfg, wat, wasm');
  await expect(run('--stage', 'wat', '--backend', 'linux')).rejects.toThrow('shows stage xlated only');
});
