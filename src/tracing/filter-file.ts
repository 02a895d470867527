/**
 * What an event's `filter` file takes: `bpf_<ID>` attaches the loaded program of that id in the place of the one that was
 * attached so before; an expression says which events programs and `trace_pipe` see; `0` takes the expression away and
 * detaches every program. Read, it has the expression and a line `bpf_<ID>` for each program, or `none`; after a wrong write,
 * until the next one, that text with a caret under the place, as in tracefs. A wrong write changes nothing else.
 *
 * Refuses (BpfError): EINVAL for wrong text, with that caret; ENOENT for an id that no program has; what attaching refuses.
 */
import { compileFilter } from './filter.ts';
import { FilterError } from './filter-parse.ts';
import type { HostEvent } from './host-event.ts';
import type { ProgramIds } from './program-ref.ts';
import type { TraceLink } from './trace-link.ts';

const PROGRAM = /^bpf_(\d+)$/;
const MAX_ID = 0xffffffff;

export class FilterFile {
  readonly #ids: ProgramIds;
  readonly #event: HostEvent;
  /** The program that was attached here, and the id that it was attached by. */
  #attached: { readonly id: number; readonly link: TraceLink } | undefined;
  /** What the last write was refused for. */
  #wrong: FilterError | undefined;

  constructor(ids: ProgramIds, event: HostEvent) {
    this.#ids = ids;
    this.#event = event;
  }

  read(): string {
    if (this.#wrong) return `${this.#wrong.shown}\n`;
    const { filter, links } = this.#event;
    const idOf = (link: TraceLink): number => (link === this.#attached?.link ? this.#attached.id : link.program.id);
    const lines = [...(filter ? [filter.text] : []), ...links.map((link) => `bpf_${idOf(link)}`)];
    return `${lines.join('\n') || 'none'}\n`;
  }

  /** @throws BpfError, FilterError */
  write(given: string): void {
    this.#wrong = undefined;
    const text = given.trim();
    const program = PROGRAM.exec(text);
    if (program !== null) this.#attach(text, Number(program[1]));
    else if (text === '0') this.#clear();
    else this.#filter(text);
  }

  #clear(): void {
    this.#event.filter = undefined;
    for (const link of this.#event.links) link.detach();
  }

  #filter(text: string): void {
    try {
      this.#event.filter = compileFilter(text, this.#event.tracepoint.fields);
    } catch (error) {
      if (error instanceof FilterError) this.#wrong = error;
      throw error;
    }
  }

  #attach(text: string, id: number): void {
    if (id > MAX_ID) throw (this.#wrong = new FilterError(text, 'bpf_'.length, 'Illegal integer value'));
    const before = this.#attached?.link;
    const link = this.#ids.use(id, (fd) => {
      // Ids may be the caller's: another program may have this one by now.
      const there = this.#event.linkOf({ fd });
      return there !== undefined && there === before ? there : this.#event.attach({ fd });
    });
    this.#attached = { id, link };
    if (link !== before) before?.detach();
  }
}
