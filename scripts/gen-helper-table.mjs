// Writes docs/helpers.md from the contracts: what each helper of Linux 6.18 is here. Needs dist (npm run build).
// Usage: npm run gen:helpers [-- --check]. With --check nothing is written; fails when the page would change.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { HELPERS } from '../dist/contracts/index.js';

const PAGE = fileURLToPath(new URL('../docs/helpers.md', import.meta.url));
const helpers = HELPERS.slice(1);
const running = helpers.filter(({ runs }) => runs === 'userspace').length;

const gpl = (gplOnly) => (gplOnly === undefined ? 'not measured' : gplOnly ? 'yes' : '');
const rows = helpers.map(({ id, name, runs, gplOnly }) => [
  String(id),
  `\`${name}\``,
  runs === 'userspace' ? 'runs' : 'verify-only',
  gpl(gplOnly),
]);
const header = ['id', 'helper', 'here', 'GPL only'];
const widths = header.map((text, i) => Math.max(text.length, ...rows.map((row) => row[i].length)));
const line = (cells) => `| ${cells.map((text, i) => text.padEnd(widths[i])).join(' | ')} |`;
const table = [line(header), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...rows.map(line)];

const page = `# Helpers

Written by \`npm run gen:helpers\` from \`src/contracts/helpers.ts\`. Of the ${helpers.length} helpers of Linux 6.18, ${running} run in
user space. The others are *verify-only*: \`skep verify\` judges programs that call them as Linux does, and loading such a
program into the userspace subsystem answers ENOTSUPP and names the helper.

${table.join('\n')}
`;

if (!process.argv.includes('--check')) writeFileSync(PAGE, page);
else if (readFileSync(PAGE, 'utf8') !== page) {
  console.error('docs/helpers.md is not what src/contracts/helpers.ts says: npm run gen:helpers');
  process.exitCode = 1;
}
