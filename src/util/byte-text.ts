/**
 * Text of which each character is a byte: its length is what it takes in memory, and it can be cut anywhere. ASCII is
 * itself.
 */
const encoder = new TextEncoder();
const CHUNK = 8192;

/** The UTF-8 of a text, a character a byte. */
export function utf8ByteText(text: string): string {
  const bytes = encoder.encode(text);
  if (bytes.length === text.length) return text;
  let out = '';
  for (let at = 0; at < bytes.length; at += CHUNK) out += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  return out;
}

/** The bytes of a text; of each character the low eight bits. */
export function byteTextBytes(text: string): Uint8Array {
  const bytes = encoder.encode(text);
  if (bytes.length === text.length) return bytes;
  const out = new Uint8Array(text.length);
  for (let i = 0; i < out.length; i++) out[i] = text.charCodeAt(i);
  return out;
}
