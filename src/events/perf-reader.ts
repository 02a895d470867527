/**
 * What programs send with `bpf_perf_event_output`: one buffer for each CPU, read record by record. The same on the userspace
 * subsystem and on the kernel. @see perf_event_open(2)
 *
 *     const reader = PerfReader.open(sys, mapFd);
 *     for (const { cpu, data } of reader.read()) …
 *
 * The memory is shared with whoever writes: lengths that cannot be are an error, never followed.
 */
import { BpfError, FormatError } from '../errors/index.ts';
import type { BpfSys, MapView } from '../sys/index.ts';
import { BPF_CMD } from '../uapi/index.ts';
import { readU64, writeU64 } from '../util/index.ts';

const PAGE = 4096;
/** Of `struct perf_event_mmap_page`. */
const [HEAD, TAIL] = [1024, 1032];
const [LOST, SAMPLE] = [2, 9];
const HEADER = 8;

/** One record. */
export interface PerfSample {
  readonly cpu: number;
  /** A copy; padding that the kernel adds to a multiple of 8, less 4, is still there. */
  readonly data: Uint8Array;
}

export interface PerfReaderOptions {
  /** Pages of each CPU's buffer: a power of two; 8. */
  readonly pages?: number;
}

interface CpuBuffer {
  readonly cpu: number;
  readonly fd: number;
  readonly view: MapView;
}

export class PerfReader {
  /** Records that found no room since the reader was opened. */
  lost = 0;
  readonly #sys: BpfSys;
  readonly #buffers: CpuBuffer[] = [];

  /** @throws BpfError where the events cannot be made or put into the map */
  static open(sys: BpfSys, mapFd: number, options: PerfReaderOptions = {}): PerfReader {
    const reader = new PerfReader(sys);
    try {
      for (let cpu = 0; cpu < sys.possibleCpus; cpu++) reader.#add(mapFd, cpu, options.pages ?? 8);
    } catch (error) {
      reader.close();
      throw error;
    }
    return reader;
  }

  private constructor(sys: BpfSys) {
    this.#sys = sys;
  }

  /** All records there are now, CPU by CPU; each CPU's in order. */
  *read(): IterableIterator<PerfSample> {
    for (const buffer of this.#buffers) yield* this.#readCpu(buffer);
  }

  /** Wait until there are records. */
  async wait(signal?: AbortSignal): Promise<void> {
    const stop = new AbortController();
    signal?.addEventListener('abort', () => stop.abort(signal.reason), { once: true });
    const waits = this.#buffers.map(({ fd }) => this.#sys.poll(fd, stop.signal));
    try {
      await Promise.race(waits);
    } finally {
      stop.abort();
      await Promise.allSettled(waits);
    }
  }

  close(): void {
    for (const { fd, view } of this.#buffers.splice(0)) {
      view.unmap();
      this.#sys.close(fd);
    }
  }

  #add(mapFd: number, cpu: number, pages: number): void {
    const fd = this.#sys.openPerfEvent(cpu);
    if (fd < 0) throw new BpfError(fd, 'perf_event_open');
    try {
      const view = this.#sys.mmap(fd, (1 + pages) * PAGE, 0);
      this.#buffers.push({ cpu, fd, view });
    } catch (error) {
      this.#sys.close(fd);
      throw error;
    }
    const key = new Uint8Array(Uint32Array.of(cpu).buffer);
    const value = new Uint8Array(Uint32Array.of(fd).buffer);
    const result = this.#sys.bpf(BPF_CMD.MAP_UPDATE_ELEM, { mapFd, key, value });
    if (result < 0) throw new BpfError(result, 'MAP_UPDATE_ELEM');
  }

  *#readCpu({ cpu, view }: CpuBuffer): IterableIterator<PerfSample> {
    for (;;) {
      const { bytes } = view;
      const page = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const [head, tail] = [readU64(page, HEAD), readU64(page, TAIL)];
      if (tail >= head) return;
      const size = bytes.length - PAGE;
      const header = copy(bytes, tail % size, HEADER);
      const fields = new DataView(header.buffer);
      const length = fields.getUint16(6, true);
      if (length < HEADER || length > head - tail || length > size) {
        throw new FormatError(`a record of ${length} bytes in the perf buffer of CPU ${cpu}`, { offset: tail % size });
      }
      const record = copy(bytes, tail % size, length);
      writeU64(page, TAIL, tail + length);
      const type = fields.getUint32(0, true);
      const body = new DataView(record.buffer, HEADER);
      if (type === LOST && length >= 24) this.lost += body.getUint32(8, true);
      if (type !== SAMPLE || length < HEADER + 4) continue;
      yield { cpu, data: record.subarray(HEADER + 4, Math.min(length, HEADER + 4 + body.getUint32(0, true))) };
    }
  }
}

/** `length` bytes of the records, which wrap. */
function copy(bytes: Uint8Array, at: number, length: number): Uint8Array {
  const size = bytes.length - PAGE;
  const out = new Uint8Array(length);
  const first = Math.min(length, size - at);
  out.set(bytes.subarray(PAGE + at, PAGE + at + first));
  out.set(bytes.subarray(PAGE, PAGE + length - first), first);
  return out;
}
