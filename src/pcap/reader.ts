/** Packets of a capture as an iterable, from bytes in memory or from a stream of pieces. */
import type { Packet } from './packet.ts';
import { CaptureParser } from './parser.ts';

/** Bytes given to the parser at a time, of a capture in memory: bounds how many packets wait to be taken. */
const PIECE = 65_536;

/**
 * The packets of a capture in memory.
 * @param file name for messages
 * @throws FormatError after the packets before the bad place
 */
export function* packetsOf(bytes: Uint8Array, file = ''): Generator<Packet, void, undefined> {
  let batch: Packet[] = [];
  const parser = new CaptureParser((packet) => batch.push(packet), file);
  for (let pos = 0; pos <= bytes.length; pos += PIECE) {
    batch = [];
    const problem = attempt(() => {
      parser.push(bytes.subarray(pos, pos + PIECE));
      if (pos + PIECE >= bytes.length) parser.end();
    });
    yield* batch;
    if (problem) throw problem.error;
    if (pos + PIECE >= bytes.length) return;
  }
}

function attempt(action: () => void): { error: unknown } | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return { error };
  }
}

/**
 * The packets of a stream, once: `for await (const packet of reader)`, or `reader.batches()` for speed.
 * Both throw FormatError after the packets before the bad place, and end the stream when they are left early.
 */
export class PacketReader implements AsyncIterableIterator<Packet> {
  readonly #batches: AsyncGenerator<Packet[], void, undefined>;
  #batch: Packet[] = [];
  #next = 0;

  constructor(pieces: AsyncIterable<Uint8Array>, file = '') {
    this.#batches = readBatches(pieces, file);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Not an async generator: a promise that is already resolved costs a third of its hand-over. */
  next(): Promise<IteratorResult<Packet, undefined>> {
    if (this.#next < this.#batch.length) return Promise.resolve({ done: false, value: this.#batch[this.#next++] });
    return this.#nextBatch();
  }

  async return(): Promise<IteratorResult<Packet, undefined>> {
    this.#batch = [];
    await this.#batches.return();
    return { done: true, value: undefined };
  }

  /** The packets in groups as they come out of the stream; none is empty. */
  batches(): AsyncIterable<Packet[]> {
    return this.#batches;
  }

  async #nextBatch(): Promise<IteratorResult<Packet, undefined>> {
    const { done, value } = await this.#batches.next();
    if (done) return { done: true, value: undefined };
    this.#batch = value;
    this.#next = 1;
    return { done: false, value: value[0] };
  }
}

async function* readBatches(pieces: AsyncIterable<Uint8Array>, file: string): AsyncGenerator<Packet[], void> {
  let batch: Packet[] = [];
  const parser = new CaptureParser((packet) => batch.push(packet), file);
  for await (const piece of pieces) {
    const problem = attempt(() => parser.push(piece));
    if (batch.length > 0) yield batch;
    if (problem) throw problem.error;
    batch = [];
  }
  parser.end();
}
