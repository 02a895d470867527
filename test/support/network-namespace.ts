/**
 * A network namespace of a test's own: the thread that calls sees devices that nobody else on the machine sees, and so do the
 * processes that it starts. Needs Linux, koffi, CAP_SYS_ADMIN and the command `ip`.
 */
import { execFileSync } from 'node:child_process';
import { openSync } from 'node:fs';

const CLONE_NEWNET = 0x40000000;

interface Koffi {
  load(path: null): { func(prototype: string): (...args: number[]) => number };
}

export interface NetworkNamespace {
  /** Run `ip` with these words: `link add v0 type veth peer name v1`. */
  ip(words: string): void;
  /** Back to where the thread was. */
  leave(): void;
  /** Into it again. */
  enter(): void;
}

/** Enter a new namespace, whose `lo` is up. @returns why not, where it cannot be */
export async function enterNetworkNamespace(): Promise<NetworkNamespace | string> {
  if (process.platform !== 'linux') return `this is ${process.platform}, not Linux`;
  const name: string = 'koffi';
  const koffi = await import(name).then(
    (module: { default: Koffi }) => module.default,
    () => undefined,
  );
  if (koffi === undefined) return 'the package koffi is not installed';
  const libc = koffi.load(null);
  const setns = libc.func('int setns(int fd, int type)');
  // The descriptors keep the namespaces; they go with the process.
  const current = (): number => openSync('/proc/thread-self/ns/net', 'r');
  const before = current();
  if (libc.func('int unshare(int flags)')(CLONE_NEWNET) !== 0) return 'no right to make a network namespace';
  const own = current();
  const ip = (words: string): void => void execFileSync('ip', words.split(' '));
  ip('link set lo up');
  return { ip, leave: () => void setns(before, CLONE_NEWNET), enter: () => void setns(own, CLONE_NEWNET) };
}
