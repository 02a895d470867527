// Writes the tables of docs/events.md from src/node/events: every event, its fields and its source. Needs dist (npm run build).
// Usage: npm run gen:events [-- --check]. With --check nothing is written; fails when the page would change. The text around
// the tables is written by hand and stays.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { FIELD_NOTES, NODE_EVENTS } from '../dist/node/index.js';

const PAGE = fileURLToPath(new URL('../docs/events.md', import.meta.url));

const code = (text) => `\`${text}\``;

function table(header, rows) {
  const widths = header.map((text, i) => Math.max(text.length, ...rows.map((row) => row[i].length)));
  const line = (cells) => `| ${cells.map((text, i) => text.padEnd(widths[i])).join(' | ')} |`;
  return [line(header), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...rows.map(line)].join('\n');
}

/** `char[64] url` as C writes it. */
const declared = ([name, type]) =>
  type.replace(/^(\w+)(.*)$/, (_, base, brackets) => code(`${base} ${name}${brackets}`));

function sourceText({ source, span }) {
  const from = source.text.replace(
    /^(channel|PerformanceObserver|process event) (.*)$/,
    (_, kind, name) => `${kind} ${code(name)}`,
  );
  return span === undefined ? from : `${from}; from ${code(span.source.text.replace('channel ', ''))} on`;
}

function events() {
  const systems = [...new Set(NODE_EVENTS.map(({ system }) => system))];
  return systems
    .map((system) => {
      const rows = NODE_EVENTS.filter((one) => one.system === system).map((one) => [
        code(`${system}:${one.name}`),
        Object.entries(one.fields).map(declared).join(', '),
        sourceText(one),
        one.source.node === 20 ? '' : `${one.source.node}`,
      ]);
      return `### ${system}\n\n${table(['event', 'fields', 'source', 'Node'], rows)}`;
    })
    .join('\n\n');
}

const fields = () =>
  table(
    ['field', 'holds'],
    Object.entries(FIELD_NOTES).map(([name, note]) => [code(name), note]),
  );

const text = readFileSync(PAGE, 'utf8');
const replace = (page, name, made) => {
  const [begin, end] = [`<!-- ${name} -->\n`, `\n<!-- end of ${name} -->`];
  const [from, to] = [page.indexOf(begin) + begin.length, page.indexOf(end)];
  if (from < begin.length || to < from) throw new Error(`docs/events.md has no place for ${name}`);
  return `${page.slice(0, from)}\n${made}\n${page.slice(to)}`;
};
const page = replace(replace(text, 'events', events()), 'fields', fields());

if (!process.argv.includes('--check')) writeFileSync(PAGE, page);
else if (text !== page) {
  console.error('docs/events.md is not what src/node/events says: npm run gen:events');
  process.exitCode = 1;
}
