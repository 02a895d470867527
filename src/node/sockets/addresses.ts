/** Addresses as Node writes them, and the devices that have them. */
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

const V4_IN_V6 = '::ffff:';
/** `lo` is the first device of every network namespace. */
export const LOOPBACK_INDEX = 1;

/** The 4 or 16 bytes of an address; one of IPv4 that a socket of IPv6 shows has 4. Zeros of IPv4 for what is no address. */
export function addressBytes(text: string): Uint8Array {
  const plain = text.startsWith(V4_IN_V6) && text.includes('.') ? text.slice(V4_IN_V6.length) : text.split('%')[0];
  if (!plain.includes(':')) return Uint8Array.from({ length: 4 }, (_, i) => Number(plain.split('.')[i] ?? 0));
  const [front, back] = plain.split('::').map(groups);
  const zeros = back === undefined ? [] : new Array<number>(8 - front.length - back.length).fill(0);
  return Uint8Array.from([...front, ...zeros, ...(back ?? [])].flatMap((group) => [group >> 8, group & 0xff]));
}

/** Numbers of 16 bits; the last may be written as an address of IPv4. */
function groups(text: string): number[] {
  return text
    .split(':')
    .filter((part) => part !== '')
    .flatMap((part) => {
      if (!part.includes('.')) return [Number.parseInt(part, 16)];
      const [a, b, c, d] = part.split('.').map(Number);
      return [(a << 8) | b, (c << 8) | d];
    });
}

export const isLoopback = (address: Uint8Array): boolean =>
  address.length === 4 ? address[0] === 127 : address[15] === 1 && address.subarray(0, 15).every((byte) => byte === 0);

export const isMulticast = (address: Uint8Array): boolean =>
  address.length === 4 ? address[0] >> 4 === 14 : address[0] === 0xff;

export const isBroadcast = (address: Uint8Array): boolean =>
  address.length === 4 && address.every((byte) => byte === 255);

/**
 * The index of the device that a packet came in by, as far as it can be known: of `lo`, of the device that the sender's
 * address names (`fe80::1%eth0`), of the one that has the receiver's address.
 * @returns undefined: not known
 */
export function deviceIndex(sender: string, receiver: string): number | undefined {
  if (isLoopback(addressBytes(sender)) || isLoopback(addressBytes(receiver))) return LOOPBACK_INDEX;
  const [, named] = sender.split('%');
  const [plain] = receiver.split('%');
  const owner = Object.entries(networkInterfaces()).find(([, all]) => all?.some(({ address }) => address === plain));
  const name = named ?? owner?.[0];
  return name === undefined ? undefined : indexOf(name);
}

function indexOf(name: string): number | undefined {
  if (/^\d+$/.test(name)) return Number(name); // as Windows writes it
  try {
    return Number(readFileSync(`/sys/class/net/${encodeURIComponent(name)}/ifindex`, 'utf8'));
  } catch {
    return undefined;
  }
}
