/**
 * What an event's `filter` file takes: `bpf_<ID>` attaches the loaded program of that id in the place of the one that was
 * attached so before, and `0` detaches every program. Read, it has a line `bpf_<ID>` for each program that is attached, or
 * `none`.
 *
 * Refuses (BpfError): EINVAL for anything else, with a line that shows where; ENOENT for an id that no program has; what
 * attaching refuses.
 */
import { BpfError, ERRNO } from '../errors/index.ts';
import type { Kernel } from '../kernel/index.ts';
import { BPF_CMD } from '../uapi/index.ts';
import type { HostEvent } from './host-event.ts';

const PROGRAM = /^\s*bpf_(\d{1,9})\s*$/;

export function readFilter(event: HostEvent): string {
  const lines = event.links.map(({ program }) => `bpf_${program.id}`);
  return `${lines.join('\n') || 'none'}\n`;
}

export function writeFilter(kernel: Kernel, event: HostEvent, text: string): void {
  const program = PROGRAM.exec(text);
  if (program !== null) attachById(kernel, event, Number(program[1]));
  else if (text.trim() === '0') for (const link of event.links) link.detach();
  else throw new BpfError(ERRNO.EINVAL, 'filter', text);
}

function attachById(kernel: Kernel, event: HostEvent, id: number): void {
  const before = event.fileLink;
  if (before?.attached && before.program.id === id) return;
  const fd = kernel.bpf(BPF_CMD.PROG_GET_FD_BY_ID, { id });
  if (fd < 0) throw new BpfError(fd, 'filter', `no program has id ${id}`);
  try {
    event.fileLink = event.attach({ fd });
    before?.detach();
  } finally {
    kernel.close(fd);
  }
}
