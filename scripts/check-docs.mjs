// Documentation rots when nothing checks it. This checks that
// - every path in backticks in ARCHITECTURE.md exists, and the page has at most 200 lines;
// - every relative link in README.md, the other pages at the root and docs/ leads to a file, and to a heading there;
// - every `npm run NAME` that a page tells the reader to type is a script of package.json.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const MAX_LINES = 200;

/** What looks like a path of this repository: it has a slash, or is a file name with a known ending. */
const isPath = (text) =>
  /^[\w.@{},*-]+(\/[\w.@{},*-]*)+$/.test(text) || /^[\w.-]+\.(md|mjs|js|ts|json|sh|c|o|pcap)$/.test(text);

/** `a/{b,c}.ts` → `a/b.ts`, `a/c.ts`. */
function expand(path) {
  const braces = /^(.*)\{([^}]*)\}(.*)$/.exec(path);
  return braces ? braces[2].split(',').flatMap((part) => expand(braces[1] + part + braces[3])) : [path];
}

/** Whether a path exists; `*` stands for any part of one name. */
function matches(root, path) {
  if (!path.includes('*')) return existsSync(join(root, path));
  const folder = join(root, dirname(path));
  const escaped = path.split('/').at(-1).replaceAll('.', '\\.').replaceAll('*', '[^/]*');
  return existsSync(folder) && readdirSync(folder).some((name) => new RegExp(`^${escaped}$`).test(name));
}

/** GitHub's anchor of a heading. */
const anchor = (heading) =>
  heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

const withoutCode = (text) => text.replace(/^```[\s\S]*?^```/gm, (block) => block.replace(/[^\n]/g, ''));
const anchorsOf = (text) => [...withoutCode(text).matchAll(/^#+ (.*)$/gm)].map((match) => anchor(match[1]));

/** Problems of ARCHITECTURE.md. */
export function checkArchitecture(root, text) {
  const problems = [];
  const lines = text.trimEnd().split('\n').length;
  if (lines > MAX_LINES) problems.push(`ARCHITECTURE.md: ${lines} lines, at most ${MAX_LINES}`);
  for (const [, code] of text.matchAll(/`([^`\n]+)`/g))
    for (const path of isPath(code) ? expand(code) : [])
      if (!matches(root, path)) problems.push(`ARCHITECTURE.md: ${path} does not exist`);
  return problems;
}

/** Problems of one page: broken relative links, unknown scripts. */
export function checkPage(root, file, text, scripts) {
  const problems = [];
  for (const [, target] of withoutCode(text).matchAll(/\]\(([^)\s]+)[^)]*\)/g)) {
    if (/^[a-z]+:/.test(target)) continue;
    const [path, fragment] = target.split('#');
    const absolute = path ? resolve(dirname(join(root, file)), path) : join(root, file);
    if (!existsSync(absolute)) problems.push(`${file}: link to ${target}: no such file`);
    else if (fragment && absolute.endsWith('.md') && !anchorsOf(readFileSync(absolute, 'utf8')).includes(fragment))
      problems.push(`${file}: link to ${target}: no such heading`);
  }
  for (const [, name] of text.matchAll(/\bnpm run ([\w:-]+)/g))
    if (!scripts.includes(name)) problems.push(`${file}: npm run ${name}: no such script`);
  return problems;
}

function pages(root) {
  const atRoot = readdirSync(root).filter((name) => name.endsWith('.md'));
  const inDocs = existsSync(join(root, 'docs'))
    ? readdirSync(join(root, 'docs'), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && entry.name.endsWith('.md'))
        .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    : [];
  return [...atRoot, ...inDocs];
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const scripts = Object.keys(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).scripts);
  const files = pages(root);
  const problems = files.flatMap((file) => checkPage(root, file, readFileSync(join(root, file), 'utf8'), scripts));
  const missing = ['ARCHITECTURE.md', 'README.md'].filter((name) => !files.includes(name));
  problems.push(...missing.map((name) => `${name} is missing`));
  if (files.includes('ARCHITECTURE.md'))
    problems.push(...checkArchitecture(root, readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8')));
  for (const problem of problems) console.error(problem);
  console.log(`docs: ${files.length} pages, ${problems.length} problems`);
  process.exitCode = problems.length ? 1 : 0;
}
