/**
 * What is read of the objects that Node and applications report: values of any shape, for they are not ours. What has not the
 * expected type is 0 or empty, as is what a getter throws; nothing here throws where it says `safely`.
 */

/** An object of which nothing is known. */
export interface Foreign {
  readonly [key: string]: Foreign;
}

export const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** A whole number from 0 on. */
export const count = (value: unknown): number => (typeof value === 'number' && value > 0 ? Math.floor(value) : 0);

/** Milliseconds as nanoseconds. */
export const nanoseconds = (milliseconds: unknown): number => count(Number(milliseconds) * 1e6);

/** What `read` gives, or undefined where it throws: getters and proxies of applications may. */
export function safely<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** A text, or the text of what has one of its own, as URLs do. Runs no `toString` of applications. */
export function place(value: unknown): string {
  return value instanceof URL ? value.href : text(value);
}

/** Bytes of something that is sent: a text, bytes, or a list of `{chunk}` as streams write it. */
export function bytesOf(data: unknown): number {
  if (typeof data === 'string') return Buffer.byteLength(data);
  if (ArrayBuffer.isView(data)) return data.byteLength;
  if (!Array.isArray(data)) return 0;
  return data.reduce<number>((sum, one: { chunk?: unknown } | undefined) => sum + bytesOf(one?.chunk), 0);
}

/** Fields of what was thrown, which need not be an Error. */
export const ERROR_FIELDS = { error_name: 'char[32]', error_code: 'char[32]', error_message: 'char[64]' } as const;

export function errorValues(error: unknown): { error_name: string; error_code: string; error_message: string } {
  const of = (key: string): string => text(safely(() => (error as Foreign)[key]));
  return { error_name: of('name'), error_code: of('code'), error_message: text(error) || of('message') };
}
