/** An object for names that come from a file: none of them is special, not even `__proto__`. */
export function record<T>(): Record<string, T> {
  return Object.create(null) as Record<string, T>;
}
