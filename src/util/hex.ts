/** The bytes of a text of hexadecimal digits, two each. Nothing is checked: it is for what the project itself wrote. */
export function decodeHex(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => parseInt(text.slice(2 * i, 2 * i + 2), 16));
}
