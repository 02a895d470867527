/** What `skep run` prints: return values and maps, as text or as one JSON object. */
import type { Json } from '../btf/index.ts';
import { BpfError } from '../errors/index.ts';
import type { Collection } from '../loader/index.ts';
import { PROG_TYPE_NAMES } from '../uapi/index.ts';
import { mapJson, mapText, readMap } from './map-table.ts';
import { formatTable, thousands } from './table.ts';
import { verdictName } from './verdicts.ts';

/** What happened to the packets. */
export class Tally {
  packets = 0;
  bytes = 0;
  /** Packets by return value. */
  readonly returns = new Map<number, number>();
  /** Packets that the program could not be run on, by the error's text. */
  readonly failures = new Map<string, number>();

  ran(length: number, retval: number): void {
    this.packets++;
    this.bytes += length;
    this.returns.set(retval, (this.returns.get(retval) ?? 0) + 1);
  }

  failed(length: number, why: string): void {
    this.packets++;
    this.bytes += length;
    this.failures.set(why, (this.failures.get(why) ?? 0) + 1);
  }
}

export interface RunReport {
  readonly program: string;
  /** See PROG_TYPE. */
  readonly progType: number;
  readonly backend: string;
  readonly capture: string;
  readonly tally: Tally;
  readonly collection: Collection;
  /** Why the capture was not read to its end. */
  readonly error: string | undefined;
}

const byCount = (rows: Map<number, number>): [number, number][] => [...rows].sort(([a, n], [b, m]) => m - n || a - b);

export function reportText({ program, progType, backend, capture, tally, collection }: RunReport): string {
  const type = PROG_TYPE_NAMES[progType] ?? String(progType);
  const parts = [
    `program ${program} (${type}, ${backend}): ${thousands(tally.packets)} packets, ` +
      `${thousands(tally.bytes)} bytes of ${capture}\n`,
  ];
  const returns = byCount(tally.returns).map(([value, packets]) => [
    String(value),
    thousands(packets),
    verdictName(progType, value),
  ]);
  if (returns.length > 0) parts.push(formatTable([['return', 'packets', 'meaning'], ...returns]));
  for (const [why, packets] of tally.failures)
    parts.push(`not run on ${thousands(packets)} ${packets === 1 ? 'packet' : 'packets'}: ${why}\n`);
  return [...parts, ...mapTexts(collection)].join('\n');
}

/** What each map of a collection holds. */
export function mapTexts(collection: Collection): string[] {
  return Object.entries(collection.maps).map(([name, map]) => {
    try {
      return mapText(readMap(name, map, true));
    } catch (error) {
      if (!(error instanceof BpfError)) throw error;
      return `map ${name}: cannot be listed: ${error.message}\n`;
    }
  });
}

export function mapsJson(collection: Collection): Json {
  const maps: Record<string, Json> = {};
  for (const [name, map] of Object.entries(collection.maps)) {
    try {
      maps[name] = mapJson(readMap(name, map, false));
    } catch (failure) {
      if (!(failure instanceof BpfError)) throw failure;
      maps[name] = { error: failure.message };
    }
  }
  return maps;
}

export function reportJson({ program, progType, backend, capture, tally, collection, error }: RunReport): Json {
  const report: { [name: string]: Json } = {
    program,
    type: PROG_TYPE_NAMES[progType] ?? String(progType),
    backend,
    capture,
    packets: tally.packets,
    bytes: tally.bytes,
    returns: byCount(tally.returns).map(([value, packets]): Json => {
      const name = verdictName(progType, value);
      return name ? { value, name, packets } : { value, packets };
    }),
    failures: [...tally.failures].map(([why, packets]) => ({ error: why, packets })),
    maps: mapsJson(collection),
  };
  // Json has no null: an absent field says that all went well.
  if (error !== undefined) report.error = error;
  return report;
}
