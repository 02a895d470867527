/**
 * Netlink attributes: how the patch set describes programs and maps to `bpf()`. Each is a length of 16 bits (its header of 4
 * bytes included), a type of 16 bits and its payload, in host order; the next one begins at a multiple of 4. Source: uapi
 * linux/netlink.h.
 *
 * Refuses what is not exactly the attributes that were asked for, each once: cut off, of an unknown type (flags in the type
 * make one too), twice, missing, or too short (-EINVAL); too long (-E2BIG).
 */
import { ERRNO } from '../errors/index.ts';

/** @kernel struct nlattr */
const HEADER = 4;
/** Most bytes of an attribute. */
const MAX_LENGTH = 0xffff;
/** Most bytes of all attributes of a call. */
export const MAX_ATTRIBUTES = MAX_LENGTH;

export type Attribute = readonly [type: number, payload: Uint8Array];

/** Bytes of payload that an attribute may have. */
export interface PayloadSize {
  readonly min: number;
  readonly max: number;
}

const aligned = (length: number): number => (length + 3) & ~3;

/** @returns the attributes as one run of bytes; undefined where a payload is longer than an attribute can be */
export function writeAttributes(attributes: readonly Attribute[]): Uint8Array | undefined {
  if (attributes.some(([, payload]) => HEADER + payload.length > MAX_LENGTH)) return undefined;
  const bytes = new Uint8Array(attributes.reduce((sum, [, payload]) => sum + aligned(HEADER + payload.length), 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [type, payload] of attributes) {
    view.setUint16(at, HEADER + payload.length, true);
    view.setUint16(at + 2, type, true);
    bytes.set(payload, at + HEADER);
    at += aligned(HEADER + payload.length);
  }
  return bytes;
}

/**
 * The payloads by type, copied.
 * @param length bytes of `bytes` that are attributes
 * @param sizes the attributes that there must be
 * @returns -EFAULT: there are fewer bytes; -EINVAL, -E2BIG as the file says
 */
export function readAttributes(
  bytes: Uint8Array | undefined,
  length: number,
  sizes: ReadonlyMap<number, PayloadSize>,
): ReadonlyMap<number, Uint8Array> | number {
  if (!Number.isInteger(length) || length < 0) return -ERRNO.EINVAL;
  if (length > MAX_ATTRIBUTES) return -ERRNO.E2BIG;
  if (bytes === undefined || length > bytes.length) return -ERRNO.EFAULT;
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  const found = new Map<number, Uint8Array>();
  for (let at = 0; at < length;) {
    if (length - at < HEADER) return -ERRNO.EINVAL;
    const end = at + view.getUint16(at, true);
    const type = view.getUint16(at + 2, true);
    const size = sizes.get(type);
    const payload = at + HEADER;
    if (end < payload || end > length || size === undefined || found.has(type)) return -ERRNO.EINVAL;
    if (end - payload < size.min) return -ERRNO.EINVAL;
    if (end - payload > size.max) return -ERRNO.E2BIG;
    found.set(type, Uint8Array.from(bytes.subarray(payload, end)));
    at = aligned(end);
  }
  return found.size === sizes.size ? found : -ERRNO.EINVAL;
}
