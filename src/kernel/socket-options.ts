/**
 * setsockopt on sockets of this process: filters are attached, replaced, locked and detached as on Linux 6.18, where the
 * errnos and their order were measured. Refuses values that are none (-EFAULT) or of a wrong size (-EINVAL), anything but a
 * further lock on a locked socket (-EPERM), descriptors that are no open program (-EBADF; -EINVAL for one of another object
 * or type), classic programs that Linux refuses (-EINVAL), programs that need what the place does not grant (-EACCES),
 * detaching where nothing is attached (-ENOENT), groups that share a port (-EOPNOTSUPP: user space gives packets to no
 * sockets), other options (-ENOPROTOOPT). An attached program stays loaded when its descriptor is closed.
 */
import { decodeClassic } from '../cbpf/index.ts';
import { BpfError, ERRNO, UnsupportedError } from '../errors/index.ts';
import { ProgramFilter, classicFilter } from '../hooks/index.ts';
import type { SocketFilter, SocketHandle, UserSocket } from '../sys/index.ts';
import { PROG_TYPE, SO, SO_NAMES } from '../uapi/index.ts';
import { attachable } from './attach.ts';
import type { Subsystem } from './subsystem.ts';

/** Bytes of a number. */
const INT = 4;
/** Bytes of a `struct sock_filter`. */
const SOCK_FILTER = 8;

/**
 * setsockopt, which says why it refuses.
 * @param sub absent: there are only classic programs, and they are interpreted
 * @throws BpfError as the file says; UnsupportedError: the socket is of a platform that is not as expected
 */
export function setSocketOption(
  sub: Subsystem | undefined,
  socket: UserSocket,
  option: number,
  value: number | Uint8Array,
): void {
  const refuse = (errno: number, why: string): BpfError => new BpfError(errno, SO_NAMES[option] ?? 'setsockopt', why);
  if (socket.closed) throw refuse(ERRNO.EBADF, 'the socket is closed');
  if (typeof value !== 'number' && !(value instanceof Uint8Array)) throw refuse(ERRNO.EFAULT, 'no number and no bytes');
  const unlocked = (): void => {
    if (socket.locked) throw refuse(ERRNO.EPERM, 'the filter is locked');
  };
  switch (option) {
    case SO.ATTACH_BPF: {
      const fd = numberIn(value);
      if (fd === undefined || size(value) !== INT) throw refuse(ERRNO.EINVAL, 'a descriptor has 4 bytes');
      unlocked();
      return replace(socket, programFilter(sub, socket, fd, refuse));
    }
    case SO.ATTACH_FILTER:
      if (typeof value === 'number' || value.length % SOCK_FILTER !== 0)
        throw refuse(ERRNO.EINVAL, 'no instructions of 8 bytes');
      unlocked();
      return replace(socket, classicFilter(sub?.cpu, decodeClassic(value)));
    case SO.DETACH_FILTER:
      if (numberIn(value) === undefined) throw refuse(ERRNO.EINVAL, 'a number has 4 bytes');
      unlocked();
      if (socket.filter === undefined) throw refuse(ERRNO.ENOENT, 'no filter is attached');
      return replace(socket, undefined);
    case SO.LOCK_FILTER: {
      const on = numberIn(value);
      if (on === undefined) throw refuse(ERRNO.EINVAL, 'a number has 4 bytes');
      if (on === 0) return unlocked();
      socket.locked = true;
      return;
    }
    case SO.ATTACH_REUSEPORT_CBPF:
    case SO.ATTACH_REUSEPORT_EBPF:
    case SO.DETACH_REUSEPORT_BPF:
      throw refuse(ERRNO.EOPNOTSUPP, 'which socket of a port gets a packet is decided by Linux: use the linux backend');
    default:
      throw refuse(ERRNO.ENOPROTOOPT, `no option ${option}`);
  }
}

/** The same as the seam has it. @returns 0 or -errno */
export function setsockopt(sub: Subsystem, socket: SocketHandle, option: number, value: number | Uint8Array): number {
  if (typeof socket === 'number')
    return sub.fds.get(socket) || sub.fds.isForeign(socket) ? -ERRNO.ENOTSOCK : -ERRNO.EBADF;
  try {
    setSocketOption(sub, socket, option, value);
    return 0;
  } catch (error) {
    if (error instanceof BpfError) return -error.errno;
    if (error instanceof UnsupportedError) return -ERRNO.ENOTSUPP;
    throw error;
  }
}

const size = (value: number | Uint8Array): number => (typeof value === 'number' ? INT : value.length);

/** The number that a value begins with; undefined where it is too short. */
function numberIn(value: number | Uint8Array): number | undefined {
  if (typeof value === 'number') return value | 0;
  return value.length < INT ? undefined : new DataView(value.buffer, value.byteOffset).getInt32(0, true);
}

function programFilter(
  sub: Subsystem | undefined,
  socket: UserSocket,
  fd: number,
  refuse: (errno: number, why: string) => BpfError,
): SocketFilter {
  if (sub === undefined) throw refuse(ERRNO.EBADF, 'there is no subsystem that could have loaded it');
  const descriptor = sub.get(fd, 'prog');
  if (typeof descriptor !== 'number' && descriptor.object.parts.verified.progType !== PROG_TYPE.SOCKET_FILTER)
    throw refuse(ERRNO.EINVAL, 'a socket takes programs of type socket_filter');
  const object = attachable(sub, fd, socket.place);
  const filter = new ProgramFilter(sub.cpu, object.image, socket.fuel, () => sub.progs.drop(object));
  sub.progs.hold(object);
  return filter;
}

/** The filter before lets go of its program, once the next is there. */
function replace(socket: UserSocket, filter: SocketFilter | undefined): void {
  const before = socket.filter;
  try {
    socket.filter = filter;
  } catch (error) {
    filter?.close();
    throw error;
  }
  before?.close();
}
