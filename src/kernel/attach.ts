/**
 * Programs attached to what happens in this process. Attaching refuses programs that need what the place does not grant
 * (-EACCES with the helper's or the map type's name), that are of no type the place takes, and that read more context than
 * there is (-EACCES, as Linux does for tracepoints). An attached program stays loaded when its descriptor is closed.
 */
import { notGranted } from '../contracts/index.ts';
import type { Place } from '../contracts/index.ts';
import { BpfError, ERRNO } from '../errors/index.ts';
import { EventSource } from '../hooks/index.ts';
import type { EventAttachOptions, EventAttachment, EventShape } from '../hooks/index.ts';
import { PROG_TYPE } from '../uapi/index.ts';
import type { ProgObject } from './objects.ts';
import type { Subsystem } from './subsystem.ts';

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

/** @throws BpfError ENOMEM */
export function openEvent(sub: Subsystem, place: Place, shape: EventShape): KernelEvent {
  const source = EventSource.open(sub.cpu, shape);
  if (source === undefined) throw refused(ERRNO.ENOMEM, `no memory for ${place.name}`);
  const attach: KernelEvent['attach'] = (progFd, options = {}) => {
    const object = attachable(sub, progFd, place);
    const { maxCtxOffset } = object.parts.verified;
    const raw = object.parts.verified.progType === PROG_TYPE.RAW_TRACEPOINT;
    const size = raw ? 8 * shape.args.length : shape.size;
    if (maxCtxOffset > size)
      throw refused(ERRNO.EACCES, `the program reads ${maxCtxOffset} bytes of context, ${place.name} has ${size}`);
    sub.progs.hold(object);
    const attachment = source.attach(object.image, options, () => sub.progs.drop(object));
    if (attachment !== undefined) return attachment;
    sub.progs.drop(object);
    throw refused(ERRNO.ENOMEM, 'no memory for its arguments');
  };
  return { place, source, attach, close: () => source.close() };
}
