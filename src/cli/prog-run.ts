/** `skep prog run OBJ`: one program of an object, run on bytes given on the command line. */
import { readFileSync } from 'node:fs';
import { BpfError } from '../errors/index.ts';
import { fromHex, loadCollectionSpec, toHex } from '../loader/index.ts';
import type { Collection, Program, RunResult } from '../loader/index.ts';
import { UsageError } from './command.ts';
import type { Io } from './command.ts';
import type { BackendName } from './exchange.ts';
import { inputName, readInput } from './input.ts';
import { mapJson, mapText, readMap } from './map-table.ts';
import { chooseProgram, openBackend } from './run.ts';
import { PROG_TYPE_NAMES } from '../uapi/index.ts';
import { verdictName } from './verdicts.ts';

export interface ProgRunOptions {
  readonly object: string;
  readonly program: string | undefined;
  readonly backend: BackendName;
  readonly data: string | undefined;
  readonly ctx: string | undefined;
  readonly repeat: number;
  readonly json: boolean;
}

/** What a run without --data gets: the shortest Ethernet frame, all zeros. */
const EMPTY_FRAME = new Uint8Array(64);

/** @returns the exit code. @throws BpfError, VerifierError, FormatError, UsageError */
export async function runProgram(options: ProgRunOptions, io: Io): Promise<number> {
  const data = bytesOf('--data', options.data) ?? EMPTY_FRAME;
  const ctx = bytesOf('--ctx', options.ctx);
  const spec = loadCollectionSpec(await readInput(options.object, io), { file: inputName(options.object) });
  for (const warning of spec.warnings) io.err(`skep: warning: ${warning}\n`);
  const name = chooseProgram(spec, options.program);
  using collection = spec.load(await openBackend(options.backend), { programs: [name] });
  const program = collection.programs[name];
  const result = program.run({ data, ctx, repeat: options.repeat, dataOut: true });
  io.out(options.json ? reportJson(program, result, collection) : reportText(program, result, data, collection));
  return 0;
}

/** Hexadecimal, or the contents of a file for `@FILE`. */
function bytesOf(option: string, text: string | undefined): Uint8Array | undefined {
  if (text === undefined) return undefined;
  if (text.startsWith('@')) return new Uint8Array(readFileSync(text.slice(1)));
  const bytes = fromHex(text.replace(/^0x/, ''));
  if (!bytes) throw new UsageError(`${option} is hexadecimal bytes or @FILE`);
  return bytes;
}

function reportText(program: Program, result: RunResult, data: Uint8Array, collection: Collection): string {
  const meaning = verdictName(program.type, result.retval);
  const type = PROG_TYPE_NAMES[program.type] ?? program.type;
  const parts = [
    `program ${program.name} (${type}): returned ${result.retval}${meaning && ` (${meaning})`}, ${result.duration} ns a run\n`,
  ];
  const out = result.dataOut ?? data;
  if (toHex(out) !== toHex(data)) parts.push(`data afterwards, ${out.length} bytes:\n${hexDump(out)}`);
  for (const [name, map] of Object.entries(collection.maps)) {
    const text = attempt(() => mapText(readMap(name, map, true)));
    parts.push(text ?? `map ${name}: of a type that cannot be listed\n`);
  }
  return parts.join('\n');
}

function reportJson(program: Program, result: RunResult, collection: Collection): string {
  const maps = Object.entries(collection.maps).map(
    ([name, map]) => [name, attempt(() => mapJson(readMap(name, map, false))) ?? null] as const,
  );
  const report = {
    program: program.name,
    type: PROG_TYPE_NAMES[program.type] ?? program.type,
    retval: result.retval,
    meaning: verdictName(program.type, result.retval) || undefined,
    nsec: result.duration,
    data_out: result.dataOut && toHex(result.dataOut),
    maps: Object.fromEntries(maps),
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}

/** Undefined for a map whose type has no elements to list. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof BpfError) return undefined;
    throw error;
  }
}

/** Lines of 16 bytes: `  0010  45 00 …`. */
function hexDump(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 16) {
    const row = Array.from(bytes.subarray(at, at + 16), (byte) => byte.toString(16).padStart(2, '0'));
    text += `  ${at.toString(16).padStart(4, '0')}  ${row.join(' ')}\n`;
  }
  return text;
}
