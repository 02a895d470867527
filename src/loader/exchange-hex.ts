/** Bytes as the exchange format writes them: hexadecimal without a prefix, and base64. */

const DIGITS = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));

export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += DIGITS[byte];
  return text;
}

/** White space between bytes is skipped. @returns undefined for anything that is not whole hexadecimal bytes. */
export function fromHex(text: string): Uint8Array | undefined {
  const digits = /\s/.test(text) ? text.replace(/\s+/g, '') : text;
  if (digits.length % 2 || /[^0-9a-f]/i.test(digits)) return undefined;
  const bytes = new Uint8Array(digits.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (nibble(digits, 2 * i) << 4) | nibble(digits, 2 * i + 1);
  return bytes;
}

/** 0-15 of a checked digit: letters of either case have their value in the low four bits, less nine. */
function nibble(digits: string, at: number): number {
  const code = digits.charCodeAt(at);
  return code < 0x40 ? code - 0x30 : (code & 15) + 9;
}

/** @returns undefined for text that is not base64. */
export function fromBase64(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  } catch {
    return undefined;
  }
}
