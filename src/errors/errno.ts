/** Error numbers of Linux (x86-64) that this project answers, with the C library's names and sentences. */

const rows = [
  [1, 'EPERM', 'Operation not permitted'],
  [2, 'ENOENT', 'No such file or directory'],
  [3, 'ESRCH', 'No such process'],
  [4, 'EINTR', 'Interrupted system call'],
  [5, 'EIO', 'Input/output error'],
  [6, 'ENXIO', 'No such device or address'],
  [7, 'E2BIG', 'Argument list too long'],
  [9, 'EBADF', 'Bad file descriptor'],
  [11, 'EAGAIN', 'Resource temporarily unavailable'],
  [12, 'ENOMEM', 'Cannot allocate memory'],
  [13, 'EACCES', 'Permission denied'],
  [14, 'EFAULT', 'Bad address'],
  [16, 'EBUSY', 'Device or resource busy'],
  [17, 'EEXIST', 'File exists'],
  [19, 'ENODEV', 'No such device'],
  [20, 'ENOTDIR', 'Not a directory'],
  [21, 'EISDIR', 'Is a directory'],
  [22, 'EINVAL', 'Invalid argument'],
  [24, 'EMFILE', 'Too many open files'],
  [28, 'ENOSPC', 'No space left on device'],
  [33, 'EDOM', 'Numerical argument out of domain'],
  [34, 'ERANGE', 'Numerical result out of range'],
  [35, 'EDEADLK', 'Resource deadlock avoided'],
  [38, 'ENOSYS', 'Function not implemented'],
  [40, 'ELOOP', 'Too many levels of symbolic links'],
  [61, 'ENODATA', 'No data available'],
  [71, 'EPROTO', 'Protocol error'],
  [74, 'EBADMSG', 'Bad message'],
  [75, 'EOVERFLOW', 'Value too large for defined data type'],
  [77, 'EBADFD', 'File descriptor in bad state'],
  [88, 'ENOTSOCK', 'Socket operation on non-socket'],
  [90, 'EMSGSIZE', 'Message too long'],
  [92, 'ENOPROTOOPT', 'Protocol not available'],
  [95, 'EOPNOTSUPP', 'Operation not supported'],
  [105, 'ENOBUFS', 'No buffer space available'],
  [110, 'ETIMEDOUT', 'Connection timed out'],
  [114, 'EALREADY', 'Operation already in progress'],
  [524, 'ENOTSUPP', 'Operation is not supported'],
] as const;

export type ErrnoName = (typeof rows)[number][1];

/** Positive error numbers by name: `ERRNO.EINVAL === 22`. */
export const ERRNO = Object.fromEntries(rows.map(([n, name]) => [name, n])) as { readonly [K in ErrnoName]: number };

const byNumber = new Map<number, (typeof rows)[number]>(rows.map((row) => [row[0], row]));

/** `EINVAL` for 22; the bare number for one that is not in the table. */
export function errnoName(errno: number): string {
  return byNumber.get(Math.abs(errno))?.[1] ?? String(Math.abs(errno));
}

/** The C library's sentence for an error number. */
export function errnoMessage(errno: number): string {
  return byNumber.get(Math.abs(errno))?.[2] ?? `Unknown error ${Math.abs(errno)}`;
}
