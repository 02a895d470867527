/**
 * The batch form: a stream of lines, one program object each, to a stream of answers, one line each and in the same
 * order. Memory does not grow with the number of lines. A line that is no program object gets an answer that names the
 * line and the field; blank lines get none.
 */
import { FormatError } from '../errors/index.ts';
import { ExchangeRunner, malformed } from './exchange.ts';
import type { ExchangeAnswer, ExchangeBackend, ExchangeOptions } from './exchange.ts';
import { parseProgramObject } from './exchange-object.ts';

/** Longest line that is read, in bytes. */
const LINE_LIMIT = 256 << 20;

export async function* answerLines(
  input: AsyncIterable<Uint8Array>,
  backend: ExchangeBackend,
  options: ExchangeOptions = {},
): AsyncGenerator<string> {
  const runner = new ExchangeRunner(backend, options);
  for await (const { number, text } of linesOf(input))
    if (text === undefined) yield toLine(malformed(number, `longer than ${LINE_LIMIT} bytes`));
    else if (text.trim()) yield toLine(answerLine(runner, text, number));
}

const toLine = (answer: ExchangeAnswer): string => `${JSON.stringify(answer)}\n`;

/** @param number of the line, from 1, for messages. */
export function answerLine(runner: ExchangeRunner, text: string, number: number): ExchangeAnswer {
  let json: unknown;
  try {
    json = JSON.parse(text);
    return runner.answer(parseProgramObject(json));
  } catch (error) {
    const problem = error instanceof FormatError ? error.problem : `not JSON: ${(error as Error).message}`;
    return { ...malformed(number, problem), name: nameOf(json) };
  }
}

/** Even a malformed object's answer carries its name, where it has one. */
function nameOf(json: unknown): string | null {
  const name = (json as { name?: unknown } | null | undefined)?.name;
  return typeof name === 'string' ? name : null;
}

interface Line {
  readonly number: number;
  /** Undefined for a line that is too long to be read. */
  readonly text: string | undefined;
}

async function* linesOf(input: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  const decoder = new TextDecoder();
  let parts: Uint8Array[] = [];
  let held = 0;
  let number = 1;
  const take = (last: Uint8Array): Line => {
    const text = held <= LINE_LIMIT ? decoder.decode(concat([...parts, last], held + last.length)) : undefined;
    parts = [];
    held = 0;
    return { number: number++, text };
  };
  for await (const chunk of input) {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      yield take(chunk.subarray(start, end));
      start = end + 1;
    }
    held += chunk.length - start;
    if (held > LINE_LIMIT) parts = [];
    else if (start < chunk.length) parts.push(chunk.slice(start));
  }
  if (held) yield take(new Uint8Array(0));
}

function concat(parts: readonly Uint8Array[], length: number): Uint8Array {
  if (parts.length === 1) return parts[0];
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
