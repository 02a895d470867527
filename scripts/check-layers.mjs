// Checks the layer table (scripts/layers.json) against every import of src/:
// - a folder imports only itself and folders of lower rows, and enters them through their index.ts;
// - imports within a row need an entry in `sameRow`; `typesOnly` names folders of which only types may be taken;
// - the rows up to `platformFreeUpTo` import nothing of Node; packages only where `packages` allows them;
// - no file imports itself through others (imports of types do not count: they are erased).
// Tests beside the code may import anything.
import { readFileSync, readdirSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join, posix, relative, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';

/** The imports and re-exports of a source text: `{to, typeOnly}`; dynamic `import()` counts, `import('x').T` is a type. */
export function importsOf(text) {
  const source = ts.createSourceFile('x.ts', text, ts.ScriptTarget.Latest, false);
  const found = [];
  const add = (node, typeOnly, lazy = false) => {
    if (node && ts.isStringLiteralLike(node)) found.push({ to: node.text, typeOnly, lazy });
  };
  const allTypes = (clause) =>
    clause !== undefined && ts.isNamedImports(clause) && clause.elements.every((element) => element.isTypeOnly);
  const visit = (node) => {
    if (ts.isImportDeclaration(node)) {
      const clause = node.importClause;
      add(
        node.moduleSpecifier,
        clause?.phaseModifier === ts.SyntaxKind.TypeKeyword || (!clause?.name && allTypes(clause?.namedBindings)),
      );
    } else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isImportTypeNode(node)) add(node.argument.literal, true);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0], false, true);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** `verifier/value/tnum.ts` → `verifier`; '' for a file directly in src/. */
const folderOf = (path) => (path.includes('/') ? path.slice(0, path.indexOf('/')) : '');

/**
 * @param layers contents of layers.json
 * @param files map of path below src/ (with `/`) → source text
 * @returns one sentence per problem
 */
export function checkLayers(layers, files) {
  const problems = [];
  const rowOf = new Map(layers.rows.flatMap((row, index) => row.map((folder) => [folder, index])));
  const lastPlatformFree = rowOf.get(layers.platformFreeUpTo);
  const edges = new Map();

  function checkImport(file, { to, typeOnly, lazy }) {
    const from = folderOf(file);
    const complain = (why) => problems.push(`src/${file}: import of '${to}' ${why}`);
    if (!to.startsWith('.')) {
      const isNode = to.startsWith('node:') || builtinModules.includes(to);
      if (isNode && !to.startsWith('node:')) complain(`must be written 'node:${to}'`);
      if (isNode && rowOf.get(from) <= lastPlatformFree) complain('in a platform-free layer');
      if (!isNode && !layers.packages[from]?.includes(to)) complain(`is not allowed in ${from}/`);
      return;
    }
    const target = posix.normalize(posix.join(posix.dirname(file), to));
    if (target.startsWith('..')) return complain('leaves src/');
    const into = folderOf(target);
    if (!typeOnly && !lazy) edges.get(file).push(target);
    if (into === from) return;
    if (!rowOf.has(into)) return complain('goes to a folder without a row in scripts/layers.json');
    if (target !== `${into}/index.ts`) complain(`must go through ${into}/index.ts`);
    if (rowOf.get(into) > rowOf.get(from)) complain(`goes up from ${from} to ${into}`);
    if (rowOf.get(into) === rowOf.get(from) && !layers.sameRow[from]?.includes(into))
      complain(`goes sideways from ${from} to ${into}`);
    if (!typeOnly && layers.typesOnly[from]?.includes(into)) complain(`must be 'import type'`);
  }

  for (const [file, text] of files) {
    edges.set(file, []);
    if (folderOf(file) === '') continue;
    if (!rowOf.has(folderOf(file))) problems.push(`src/${file}: its folder has no row in scripts/layers.json`);
    else for (const one of importsOf(text)) checkImport(file, one);
  }
  for (const cycle of cycles(edges)) problems.push(`src/${cycle[0]}: import cycle: ${cycle.join(' → ')}`);
  return problems;
}

/** Each import cycle met by a depth-first walk, first file repeated at the end. */
function cycles(edges) {
  const found = [];
  const state = new Map();
  const path = [];
  const walk = (file) => {
    if (state.get(file) === 'done' || !edges.has(file)) return;
    if (state.get(file) === 'open') return found.push([...path.slice(path.indexOf(file)), file]);
    state.set(file, 'open');
    path.push(file);
    edges.get(file).forEach(walk);
    path.pop();
    state.set(file, 'done');
  };
  for (const file of edges.keys()) walk(file);
  return found;
}

function readSources(folder) {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.ts$/.test(entry.name) && !/\.test\.ts$/.test(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
  return new Map(names.map((name) => [relative(folder, name).split(sep).join('/'), readFileSync(name, 'utf8')]));
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const layers = JSON.parse(readFileSync(new URL('layers.json', import.meta.url), 'utf8'));
  const files = readSources(fileURLToPath(new URL('../src', import.meta.url)));
  const problems = checkLayers(layers, files);
  for (const problem of problems) console.error(problem);
  console.log(`layers: ${files.size} files, ${problems.length} problems`);
  process.exitCode = problems.length ? 1 : 0;
}
