/** Addresses as Node writes them, which are well-formed, and the devices that have them. */
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

const V4_IN_V6 = '::ffff:';
/** `lo` is the first device of every network namespace. */
export const LOOPBACK_INDEX = 1;

const [DOT, COLON, PERCENT, ZERO, NINE] = [46, 58, 37, 48, 57];

/** The 4 or 16 bytes of an address; one of IPv4 that a socket of IPv6 shows has 4. */
export function addressBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(16);
  return bytes.slice(0, readAddress(text, bytes));
}

/** Write the same at the beginning of `bytes`, which has room for 16. @returns 4 or 16 */
export function readAddress(text: string, bytes: Uint8Array): number {
  if (!text.includes(':')) readV4(text, bytes, 0);
  else if (text.startsWith(V4_IN_V6) && text.includes('.')) readV4(text.slice(V4_IN_V6.length), bytes, 0);
  else {
    readV6(text, bytes);
    return 16;
  }
  return 4;
}

/** Write an address of IPv4 at an index. */
export function readV4(text: string, bytes: Uint8Array, at: number): void {
  let number = 0;
  const end = at + 4;
  for (let i = 0; i < text.length && at < end; i++) {
    const code = text.charCodeAt(i);
    if (code === DOT) {
      bytes[at++] = number;
      number = 0;
    } else if (code >= ZERO && code <= NINE) number = number * 10 + code - ZERO;
  }
  if (at < end) bytes[at] = number;
}

/** Write an address of IPv6: groups of 16 bits, `::` for as many zeros as are missing, perhaps one of IPv4 behind them. */
function readV6(text: string, bytes: Uint8Array): void {
  let at = 0;
  let gap = -1;
  let group = 0;
  let start = 0;
  const put = (): void => {
    bytes[at++] = group >> 8;
    bytes[at++] = group;
    group = 0;
  };
  let i = 0;
  bytes.fill(0, 0, 16);
  for (; i < text.length && at < 16; i++) {
    const code = text.charCodeAt(i);
    if (code === PERCENT) break;
    if (code === DOT) {
      readV4(text.slice(start), bytes, at);
      at += 4;
      start = -1;
      break;
    }
    if (code !== COLON) {
      group = (group << 4) | (code <= NINE ? code - ZERO : (code | 32) - 87);
      continue;
    }
    if (i > start) put();
    else gap = at;
    start = i + 1;
  }
  if (start >= 0 && i > start && at < 16) put();
  if (gap < 0) return;
  bytes.copyWithin(16 - (at - gap), gap, at);
  bytes.fill(0, gap, 16 - (at - gap));
}

export function isLoopback(address: Uint8Array, size = address.length): boolean {
  if (size === 4) return address[0] === 127;
  for (let i = 0; i < 15; i++) if (address[i] !== 0) return false;
  return address[15] === 1;
}

/** The same of an address of IPv4, which is not read. */
export const isLoopbackText = (text: string): boolean =>
  text.charCodeAt(0) === 0x31 &&
  text.charCodeAt(1) === 0x32 &&
  text.charCodeAt(2) === 0x37 &&
  text.charCodeAt(3) === DOT;

export const isMulticast = (address: Uint8Array): boolean =>
  address.length === 4 ? address[0] >> 4 === 14 : address[0] === 0xff;

export const isBroadcast = (address: Uint8Array): boolean =>
  address.length === 4 && address.every((byte) => byte === 255);

/** Finds devices, and asks the system once for each: many packets come in by a few. */
export class Devices {
  readonly #known = new Map<string, number | undefined>();

  /**
   * The index of the device that a packet came in by, as far as it can be known: of `lo`, of the device that the sender's
   * address names (`fe80::1%eth0`), of the one that has the receiver's address.
   * @returns undefined: not known
   */
  indexOf(sender: string, receiver: string): number | undefined {
    if (isLoopback(addressBytes(sender)) || isLoopback(addressBytes(receiver))) return LOOPBACK_INDEX;
    const [, named = ''] = sender.split('%');
    const key = `${named}%${receiver}`;
    if (!this.#known.has(key)) this.#known.set(key, indexOf(named || nameOf(receiver)));
    return this.#known.get(key);
  }
}

/** The device that has an address; empty: there is none. */
function nameOf(address: string): string {
  const [plain] = address.split('%');
  return Object.entries(networkInterfaces()).find(([, all]) => all?.some((one) => one.address === plain))?.[0] ?? '';
}

function indexOf(name: string): number | undefined {
  if (name === '') return undefined;
  if (/^\d+$/.test(name)) return Number(name); // as Windows writes it
  try {
    return Number(readFileSync(`/sys/class/net/${encodeURIComponent(name)}/ifindex`, 'utf8'));
  } catch {
    return undefined;
  }
}
