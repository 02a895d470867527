/**
 * The files of tracefs over a host: `available_events`, `trace_pipe`, `events/enable`, `events/<system>/enable` and
 * `events/<system>/<event>/{enable,filter,format,id}`. Paths have no leading slash and no dots.
 *
 * Refuses (BpfError): ENOENT for what is not there, EISDIR and ENOTDIR, EACCES for writing what cannot be written, EINVAL for
 * what a file does not take.
 */
import { BpfError, ERRNO } from '../errors/index.ts';
import { formatText } from './format.ts';
import type { TraceHost } from './host.ts';
import type { Tracepoint } from './tracepoint.ts';

interface TraceFile {
  read(): string;
  write?(text: string): void;
}
type TraceDir = ReadonlyMap<string, () => TraceFile | TraceDir>;

const isDir = (node: TraceFile | TraceDir): node is TraceDir => node instanceof Map;

export class TraceTree {
  readonly #host: TraceHost;

  constructor(host: TraceHost) {
    this.#host = host;
  }

  read(path: string): string {
    return this.#file(path).read();
  }

  write(path: string, text: string): void {
    const file = this.#file(path);
    if (file.write === undefined) throw new BpfError(ERRNO.EACCES, path, 'a file that is only read');
    file.write(text.replace(/\n$/, ''));
  }

  list(path: string): string[] {
    const node = this.#find(path);
    if (!isDir(node)) throw new BpfError(ERRNO.ENOTDIR, path);
    return [...node.keys()].sort();
  }

  #file(path: string): TraceFile {
    const node = this.#find(path);
    if (isDir(node)) throw new BpfError(ERRNO.EISDIR, path);
    return node;
  }

  #find(path: string): TraceFile | TraceDir {
    let node: TraceFile | TraceDir = this.#top();
    for (const part of path.split('/').filter((each) => each !== '')) {
      if (!isDir(node)) throw new BpfError(ERRNO.ENOTDIR, path);
      const next = node.get(part);
      if (next === undefined) throw new BpfError(ERRNO.ENOENT, path);
      node = next();
    }
    return node;
  }

  #top(): TraceDir {
    const { registry, pipe } = this.#host;
    const names = (): string => [...registry].map(({ system, name }) => `${system}:${name}\n`).join('');
    return new Map<string, () => TraceFile | TraceDir>([
      ['available_events', () => ({ read: names })],
      ['events', () => this.#systems()],
      ['trace_pipe', () => ({ read: () => pipe.read() })],
    ]);
  }

  #systems(): TraceDir {
    const dir = new Map<string, () => TraceFile | TraceDir>([['enable', () => this.#enable([...this.#host.registry])]]);
    for (const { system } of this.#host.registry) dir.set(system, () => this.#system(system));
    return dir;
  }

  #system(system: string): TraceDir {
    const members = [...this.#host.registry].filter((one) => one.system === system);
    const dir = new Map<string, () => TraceFile | TraceDir>([['enable', () => this.#enable(members)]]);
    for (const one of members) dir.set(one.name, () => this.#event(one));
    return dir;
  }

  #event(tracepoint: Tracepoint): TraceDir {
    const event = this.#host.event(tracepoint);
    return new Map<string, () => TraceFile>([
      ['enable', () => this.#enable([tracepoint])],
      ['filter', () => event.filterFile],
      ['format', () => ({ read: () => formatText(tracepoint) })],
      ['id', () => ({ read: () => `${tracepoint.id}\n` })],
    ]);
  }

  /** 0, 1, or X where some are printed and some are not. */
  #enable(members: readonly Tracepoint[]): TraceFile {
    const events = members.map((one) => this.#host.event(one));
    return {
      read: () => {
        const on = events.filter((event) => event.printing).length;
        return `${on === 0 ? '0' : on === events.length ? '1' : 'X'}\n`;
      },
      write: (text) => {
        if (text !== '0' && text !== '1')
          throw new BpfError(ERRNO.EINVAL, 'enable', `0 or 1, not ${JSON.stringify(text)}`);
        for (const event of events) event.printing = text === '1';
      },
    };
  }
}
