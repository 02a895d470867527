/**
 * Programs attached to what happens in this process. Attaching refuses programs that need what the place does not grant
 * (-EACCES with the helper's or the map type's name), that are of no type the place takes, that read more context than there
 * is (-EACCES, as Linux does for tracepoints), and tracepoint programs that load what is not in one field of the record
 * (-EACCES, our own rule: they were written for another event). An attached program stays loaded when its descriptor is closed.
 */
import { notGranted } from '../contracts/index.ts';
import type { Place } from '../contracts/index.ts';
import { BpfError, ERRNO } from '../errors/index.ts';
import { EventSource } from '../hooks/index.ts';
import type { EventAttachOptions, EventAttachment, EventShape } from '../hooks/index.ts';
import { PROG_TYPE } from '../uapi/index.ts';
import type { ProgObject } from './objects.ts';
import type { Subsystem } from './subsystem.ts';

/** A field of a record. */
export interface EventField {
  readonly name: string;
  /** Bytes from the start of the record. */
  readonly offset: number;
  readonly size: number;
}

/** An event that programs can be attached to. */
export interface KernelEvent {
  readonly place: Place;
  readonly source: EventSource;
  /**
   * Attach a program, which holds it.
   * @throws BpfError EBADF, EINVAL: no descriptor of a program; EACCES as the file says; ENOMEM; ENOTSUPP where
   *   programs are only verified
   */
  attach(progFd: number, options?: EventAttachOptions): EventAttachment;
  /** Detach all, and give the memory back. */
  close(): void;
}

/** The program behind a descriptor, which may be attached to a place. @throws BpfError as `KernelEvent.attach` */
export function attachable(sub: Subsystem, progFd: number, place: Place): ProgObject {
  const descriptor = sub.get(progFd | 0, 'prog');
  if (typeof descriptor === 'number') throw refused(descriptor, `descriptor ${progFd} is no program`);
  const { object } = descriptor;
  if (sub.verifyOnly) throw refused(ERRNO.ENOTSUPP, 'programs are only verified here');
  const { progType, helpers, maps } = object.parts.verified;
  const missing = notGranted({ progType, helpers, maps }, place);
  if (missing !== undefined) throw refused(ERRNO.EACCES, missing);
  return object;
}

function refused(errno: number, why: string): BpfError {
  return new BpfError(errno, 'attach', why);
}

/** Which load of a program is not in one of the fields. */
function strayLoad(
  loads: ReadonlyMap<number, number>,
  fields: readonly EventField[],
  event: string,
): string | undefined {
  for (const [offset, sizes] of loads)
    for (const size of [1, 2, 4, 8].filter((one) => sizes & one)) {
      const field = fields.find((one) => offset < one.offset + one.size && one.offset < offset + size);
      if (field !== undefined && field.offset <= offset && offset + size <= field.offset + field.size) continue;
      const there = field
        ? `the field ${field.name} is ${bytesAt(field.size, field.offset)}`
        : `${event} has no field there`;
      return `the program reads ${bytesAt(size, offset)}: ${there}`;
    }
  return undefined;
}

const bytesAt = (size: number, offset: number): string =>
  `${size} ${size === 1 ? 'byte' : 'bytes'} at offset ${offset}`;

/**
 * @param fields which loads of tracepoint programs must keep to; absent: any
 * @throws BpfError ENOMEM
 */
export function openEvent(
  sub: Subsystem,
  place: Place,
  shape: EventShape,
  fields?: readonly EventField[],
): KernelEvent {
  const source = EventSource.open(sub.cpu, shape);
  if (source === undefined) throw refused(ERRNO.ENOMEM, `no memory for ${place.name}`);
  const attach: KernelEvent['attach'] = (progFd, options = {}) => {
    const object = attachable(sub, progFd, place);
    const { maxCtxOffset, recordLoads } = object.parts.verified;
    const raw = object.parts.verified.progType === PROG_TYPE.RAW_TRACEPOINT;
    const size = raw ? 8 * shape.args.length : shape.size;
    if (maxCtxOffset > size)
      throw refused(ERRNO.EACCES, `the program reads ${maxCtxOffset} bytes of context, ${place.name} has ${size}`);
    const stray = fields && strayLoad(recordLoads, fields, place.name);
    if (stray !== undefined) throw refused(ERRNO.EACCES, stray);
    sub.progs.hold(object);
    const attachment = source.attach(object.image, options, () => sub.progs.drop(object));
    if (attachment !== undefined) return attachment;
    sub.progs.drop(object);
    throw refused(ERRNO.ENOMEM, 'no memory for its arguments');
  };
  return { place, source, attach, close: () => source.close() };
}
