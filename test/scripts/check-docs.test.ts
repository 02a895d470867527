/** The documentation check finds missing paths, broken links, unknown scripts and a page that grew too long. */
import { expect, it } from 'vitest';
import { fileURLToPath } from 'node:url';
import { checkArchitecture, checkPage } from '../../scripts/check-docs.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

it('finds a path that does not exist, also inside braces', () => {
  const text = 'See `src/{errors,no-such-room}/`, `package.json`, `skep run`, `no-such.md` and `src/e*`.';
  expect(checkArchitecture(root, text)).toEqual([
    'ARCHITECTURE.md: src/no-such-room/ does not exist',
    'ARCHITECTURE.md: no-such.md does not exist',
  ]);
});

it('limits the length', () => {
  expect(checkArchitecture(root, 'x\n'.repeat(200))).toEqual([]);
  expect(checkArchitecture(root, 'x\n'.repeat(201))).toEqual(['ARCHITECTURE.md: 201 lines, at most 200']);
});

it('finds broken links and unknown scripts', () => {
  const text = [
    '# One page',
    '[good](../package.json) [outside](https://example.org/x) [heading](#one-page)',
    '[bad](nowhere.md) [no heading](#two-pages)',
    '`npm run lint`, `npm run nothing`',
    '```',
    '[not a link](in-code.md)',
    '```',
  ].join('\n');
  // The page need not exist for its own links, but headings are read from the file: point at a real one.
  const problems = checkPage(root, 'docs/x.md', text.replaceAll('(#', '(../CONTRIBUTING.md#'), ['lint']);
  expect(problems).toContain('docs/x.md: link to nowhere.md: no such file');
  expect(problems).toContain('docs/x.md: link to ../CONTRIBUTING.md#two-pages: no such heading');
  expect(problems).toContain('docs/x.md: npm run nothing: no such script');
  expect(problems.join()).not.toMatch(/in-code|example\.org|package\.json|run lint/);
});
