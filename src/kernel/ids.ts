/**
 * Objects by id: *_GET_NEXT_ID and *_GET_FD_BY_ID. Both need CAP_SYS_ADMIN (-EPERM), asked for after the arguments are
 * looked at (-EINVAL: a start of 2^31 - 1 or more, flags that the kind has not), before the object is (-ENOENT).
 */
import { ERRNO } from '../errors/index.ts';
import type { GetFdByIdAttr, GetNextIdAttr } from '../sys/index.ts';
import { CAP, MAP_FLAG } from '../uapi/index.ts';
import { capable } from './capabilities.ts';
import type { AnyObject, ObjectTable } from './objects.ts';
import type { Subsystem } from './subsystem.ts';

const MAX_START = 0x7fffffff;

export function getNextId<T extends AnyObject>(sub: Subsystem, table: ObjectTable<T>, attr: GetNextIdAttr): number {
  const start = attr.startId >>> 0;
  if (start >= MAX_START || attr.openFlags) return -ERRNO.EINVAL;
  if (!capable(sub.caps, CAP.SYS_ADMIN)) return -ERRNO.EPERM;
  const next = table.next(start);
  if (next === undefined) return -ERRNO.ENOENT;
  attr.nextId = next;
  return 0;
}

export function getFdById<T extends AnyObject>(sub: Subsystem, table: ObjectTable<T>, attr: GetFdByIdAttr): number {
  const flags = (attr.openFlags ?? 0) >>> 0;
  const isMap = (table as unknown) === sub.maps;
  if (flags & ~(isMap ? MAP_FLAG.RDONLY | MAP_FLAG.WRONLY : 0)) return -ERRNO.EINVAL;
  if (!capable(sub.caps, CAP.SYS_ADMIN)) return -ERRNO.EPERM;
  const [readOnly, writeOnly] = [(flags & MAP_FLAG.RDONLY) !== 0, (flags & MAP_FLAG.WRONLY) !== 0];
  if (readOnly && writeOnly) return -ERRNO.EINVAL;
  const object = table.get(attr.id >>> 0);
  if (object === undefined) return -ERRNO.ENOENT;
  return sub.open(object, { read: !writeOnly, write: !readOnly });
}
