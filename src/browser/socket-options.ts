/** What the browser build has in place of `src/kernel/socket-options.ts`: a page has no sockets, and needs no filters for them. */
import { ERRNO, UnsupportedError } from '../errors/index.ts';

/** @throws UnsupportedError */
export function setSocketOption(): never {
  throw new UnsupportedError('sockets in a page');
}

/** @returns -ENOTSOCK */
export function setsockopt(): number {
  return -ERRNO.ENOTSOCK;
}
