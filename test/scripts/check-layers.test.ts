/** The layer check finds each kind of bad import, and lets the good ones pass. */
import { describe, expect, it } from 'vitest';
import { checkLayers } from '../../scripts/check-layers.mjs';

const layers = {
  rows: [['util'], ['isa', 'asm'], ['verifier'], ['vm'], ['node'], ['cli']],
  platformFreeUpTo: 'vm',
  typesOnly: { vm: ['verifier'] },
  sameRow: { asm: ['isa'] },
  packages: { node: ['koffi'] },
};

const check = (files: Record<string, string>): string[] => checkLayers(layers, new Map(Object.entries(files)));

describe('allowed imports', () => {
  it.each([
    ['itself', 'isa/a.ts', `import { b } from './b.ts';`],
    ['a lower row through its index', 'vm/deep/a.ts', `import { x } from '../../isa/index.ts';`],
    ['a listed neighbour', 'asm/a.ts', `import { x } from '../isa/index.ts';`],
    ['types of a types-only folder', 'vm/a.ts', `import type { X } from '../verifier/index.ts';`],
    ['inline types of a types-only folder', 'vm/a.ts', `import { type X } from '../verifier/index.ts';`],
    ['an import type expression', 'vm/a.ts', `let x: import('../verifier/index.ts').X;`],
    ['node in an upper row', 'node/a.ts', `import { readFile } from 'node:fs';`],
    ['a listed package', 'node/a.ts', `import koffi from 'koffi';`],
    ['a quoted import that is only text', 'isa/a.ts', `const s = "import x from '../cli/index.ts'";`],
  ])('%s', (_name, file, text) => expect(check({ [file]: text })).toEqual([]));
});

describe('refused imports', () => {
  it.each([
    ['up', 'isa/a.ts', `import { x } from '../vm/index.ts';`, 'goes up from isa to vm'],
    ['up, for a type', 'isa/a.ts', `import type { X } from '../vm/index.ts';`, 'goes up'],
    ['up, by re-export', 'isa/a.ts', `export * from '../vm/index.ts';`, 'goes up'],
    ['up, lazily', 'isa/a.ts', `await import('../vm/index.ts');`, 'goes up'],
    ['sideways', 'isa/a.ts', `import { x } from '../asm/index.ts';`, 'goes sideways'],
    ['past an index', 'vm/a.ts', `import { x } from '../isa/table.ts';`, 'must go through isa/index.ts'],
    ['a value of a types-only folder', 'vm/a.ts', `import { x } from '../verifier/index.ts';`, `must be 'import type'`],
    ['node in a core row', 'isa/a.ts', `import fs from 'node:fs';`, 'platform-free'],
    ['node without its prefix', 'cli/a.ts', `import fs from 'fs';`, `'node:fs'`],
    ['an unlisted package', 'cli/a.ts', `import x from 'left-pad';`, 'not allowed in cli/'],
    ['out of src', 'cli/a.ts', `import x from '../../test/x.ts';`, 'leaves src/'],
    ['a folder without a row', 'cli/a.ts', `import x from '../attic/index.ts';`, 'without a row'],
  ])('%s', (_name, file, text, message) => expect(check({ [file]: text }).join('\n')).toContain(message));

  it('a file in a folder without a row', () => {
    expect(check({ 'attic/a.ts': '' })).toEqual(['src/attic/a.ts: its folder has no row in scripts/layers.json']);
  });

  it('an import cycle, but not a cycle of types', () => {
    const back = (word: string): Record<string, string> => ({
      'isa/a.ts': `import { b } from './b.ts';`,
      'isa/b.ts': `import ${word}{ a } from './a.ts';`,
    });
    expect(check(back(''))).toEqual(['src/isa/a.ts: import cycle: isa/a.ts → isa/b.ts → isa/a.ts']);
    expect(check(back('type '))).toEqual([]);
  });
});
