/**
 * A network namespace of a test's own: the thread that calls sees devices that nobody else on the machine sees, and so do the
 * processes that it starts. Needs Linux, koffi, CAP_SYS_ADMIN and the command `ip`.
 */
import { execFileSync } from 'node:child_process';
import { openSync } from 'node:fs';

const CLONE_NEWNET = 0x40000000;
/** <linux/if_tun.h>; struct ifreq: the name and the flags. */
const TUNSETIFF = 0x400454ca;
const IFF_TUN_NO_PI = 0x1001;
const IFREQ = { SIZE: 40, FLAGS: 16 };

interface Koffi {
  load(path: null): { func(prototype: string): (...args: unknown[]) => number };
}

export interface NetworkNamespace {
  /** Run `ip` with these words: `link add v0 type veth peer name v1`. */
  ip(words: string): void;
  /** Make a device of raw IP packets (TUN). @returns the descriptor; what is written to it comes in by the device */
  tunnel(name: string): number;
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
  return {
    ip,
    leave: () => void setns(before, CLONE_NEWNET),
    enter: () => void setns(own, CLONE_NEWNET),
    tunnel(name) {
      const request = new Uint8Array(IFREQ.SIZE);
      request.set(new TextEncoder().encode(name));
      new DataView(request.buffer).setUint16(IFREQ.FLAGS, IFF_TUN_NO_PI, true);
      const fd = openSync('/dev/net/tun', 'r+');
      if (libc.func('int ioctl(int fd, unsigned long what, void *request)')(fd, TUNSETIFF, request) !== 0)
        throw new Error(`no device ${name}`);
      ip(`link set ${name} up`);
      return fd;
    },
  };
}
