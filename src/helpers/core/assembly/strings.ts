/** Helper 182: compare strings of at most `size` bytes. @returns -1, 0 or 1 */
export function strncmp(a: u32, size: u32, b: u32): i32 {
  for (let at: u32 = 0; at < size; at++) {
    const left = load<u8>(a + at);
    const right = load<u8>(b + at);
    if (left !== right) return left < right ? -1 : 1;
    if (left === 0) break;
  }
  return 0;
}
