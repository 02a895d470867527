/** What `skep run` and `skep cbpf run` do with `--iface`: a filter on a packet socket, until enough is seen or Ctrl-C. */
import { openPacketSocket } from '../node/index.ts';
import type { PacketSocket, PacketSocketStats } from '../node/index.ts';
import { UsageError } from './command.ts';
import { formatTable, thousands } from './table.ts';

export const liveHelp = `  --iface NAME         live packets of a device (any: all of them) instead of a capture: the program filters a packet
                       socket. Linux; needs root and the package koffi. Ctrl-C ends it
  --duration SECONDS   stop after so many seconds`;

/** Options of both commands. */
export const liveOptions = {
  iface: { type: 'string' },
  duration: { type: 'string' },
} as const;

export interface LiveValues {
  readonly iface?: string;
  readonly pcap?: string;
  readonly duration?: string;
}

/** @throws UsageError: a capture and a device, or neither; a duration without a device */
export function checkSource({ iface, pcap, duration }: LiveValues, command: string): void {
  if (iface === undefined && pcap === undefined)
    throw new UsageError(`${command}: --pcap FILE is missing, or --iface NAME`);
  if (iface !== undefined && pcap !== undefined) throw new UsageError('--pcap and --iface exclude each other');
  if (iface === undefined && duration !== undefined) throw new UsageError('--duration belongs to --iface');
}

export interface LiveResult {
  readonly iface: string;
  readonly seconds: number;
  readonly stats: PacketSocketStats;
}

/**
 * Filter packets of a device.
 * @param attach puts the filter on the socket
 * @param limit packets
 * @throws UsageError: not a duration; LivePacketsUnavailableError, BpfError
 */
export async function runLive(
  { iface = '', duration }: LiveValues,
  limit: number,
  attach: (socket: PacketSocket) => void,
): Promise<LiveResult> {
  const seconds = duration === undefined ? Infinity : Number(duration);
  if (!(seconds >= 0)) throw new UsageError(`--duration is a number of seconds, not ${duration}`);
  using socket = await openPacketSocket({ iface, prepare: attach });
  const stop = new AbortController();
  const end = (): void => stop.abort();
  process.once('SIGINT', end);
  const timer = seconds === Infinity ? undefined : setTimeout(end, Math.min(seconds * 1000, 2 ** 31 - 1));
  const start = performance.now();
  try {
    const stats = await socket.drain({ packets: limit, signal: stop.signal });
    return { iface, stats, seconds: (performance.now() - start) / 1000 };
  } finally {
    process.off('SIGINT', end);
    clearTimeout(timer);
  }
}

/** @param counted whether the filter ran here, so that what it dropped is known */
export function liveText({ stats }: LiveResult, counted: boolean): string {
  const { delivered, deliveredBytes, droppedByFilter, droppedByKernel } = stats;
  const rows = [
    ['packets', ''],
    [thousands(delivered), `let through, ${thousands(deliveredBytes)} bytes`],
    // The kernel does not count what a filter drops.
    ...(counted ? [[thousands(droppedByFilter), 'dropped by the filter']] : []),
    [thousands(droppedByKernel), 'lost, no room in the ring'],
  ];
  return formatTable(rows);
}

export function liveJson({ iface, seconds, stats }: LiveResult, counted: boolean): Record<string, number | string> {
  const { droppedByFilter, received, delivered, deliveredBytes, droppedByKernel } = stats;
  const rest = { delivered, deliveredBytes, droppedByKernel, seconds: Number(seconds.toFixed(3)) };
  return counted ? { iface, received, droppedByFilter, ...rest } : { iface, ...rest };
}
