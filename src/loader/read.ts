/** From the bytes of an object to its CollectionSpec. */
import { FormatError } from '../errors/index.ts';
import { readStructOps } from './attach.ts';
import { readFunctions } from './code.ts';
import type { CodeFunction } from './code.ts';
import { Linker } from './link.ts';
import { readMaps } from './maps.ts';
import { ObjectFile } from './object.ts';
import { matchSection } from './sections.ts';
import { CollectionSpec, ProgramSpec } from './spec.ts';

/**
 * Read an object as a compiler wrote it for the BPF target.
 * @param options.file name for messages, and for the names of the maps of its data sections
 * @throws FormatError naming file, section and offset where the object is malformed
 */
export function loadCollectionSpec(bytes: Uint8Array, options: { file?: string } = {}): CollectionSpec {
  const object = new ObjectFile(bytes, options.file ?? '');
  const spec = new CollectionSpec(object.elf.file, object.btf);
  const maps = readMaps(object, spec);
  const functions = readFunctions(object, maps);
  const linker = new Linker(object);
  const license = object.text('license');
  const kernVersion = readVersion(object);
  for (const f of functions) {
    if (!isProgram(f)) continue;
    if (!f.global)
      object.fail(
        `program ${f.name} is static: programs must be visible outside their file`,
        f.section.name,
        f.start * 8,
      );
    if (spec.programs[f.name] !== undefined) object.fail(`two programs are called ${f.name}`, f.section.name);
    spec.programs[f.name] = programSpec(object, f, linker, license, kernVersion);
  }
  if (functions.length > 0 && !functions.some(isProgram))
    spec.warnings.push('no programs: functions without a section of their own (.text) are only ever called');
  for (const section of object.elf.sections) {
    if (section.size === 0 || !/^\.struct_ops(\.link)?$/.test(section.name)) continue;
    readStructOps(object, section, spec);
    spec.warnings.push(`${section.name} is not supported yet and not loaded`);
  }
  return spec;
}

/** What is in `.text` is only ever called. */
function isProgram(f: CodeFunction): boolean {
  return f.section.name !== '.text';
}

function programSpec(
  object: ObjectFile,
  f: CodeFunction,
  linker: Linker,
  license: string,
  kernVersion: number,
): ProgramSpec {
  const { def, attachTo, autoload } = matchSection(f.section.name);
  const program = new ProgramSpec(f.name, f.section.name, object.btf);
  Object.assign(program, linker.link(f));
  program.type = def?.type ?? 0;
  program.expectedAttachType = def?.attachType ?? 0;
  program.attachesToBtf = def?.attachesToBtf ?? false;
  program.flags = def?.flags ?? 0;
  program.attachTo = attachTo;
  program.autoload = autoload;
  program.license = license;
  program.kernVersion = kernVersion;
  return program;
}

function readVersion(object: ObjectFile): number {
  const section = object.elf.section('version');
  if (section === undefined) return 0;
  const bytes = object.elf.data(section);
  if (bytes.length !== 4)
    throw new FormatError(`${bytes.length} bytes, not 4`, { file: object.elf.file, section: 'version', offset: 0 });
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
}
