/**
 * The judge of classic programs: a pair of connected Unix datagram sockets that this process opened. A program is attached
 * to one end, packets are sent from the other; what arrives, and how much of it, is the program's result.
 */
import { encodeClassic } from '../../src/cbpf/index.ts';
import type { ClassicInstruction } from '../../src/cbpf/index.ts';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
const MSG_DONTWAIT = 0x40;

/** The part of koffi that is used here. */
interface Koffi {
  load(path: null): { func(prototype: string): (...args: unknown[]) => number };
  address(value: unknown): bigint;
  errno(): number;
}

async function loadKoffi(): Promise<Koffi | undefined> {
  const name: string = 'koffi';
  try {
    return process.platform === 'linux' ? ((await import(name)) as { default: Koffi }).default : undefined;
  } catch {
    return undefined;
  }
}

export class ClassicSocket {
  readonly #koffi: Koffi;
  readonly #send;
  readonly #recv;
  readonly #setsockopt;
  readonly #close;
  readonly #ends = new Int32Array(2);
  readonly #room = new Uint8Array(1 << 17);

  constructor(koffi: Koffi) {
    const libc = koffi.load(null);
    this.#koffi = koffi;
    this.#send = libc.func('long send(int fd, const void *data, size_t length, int flags)');
    this.#recv = libc.func('long recv(int fd, void *data, size_t length, int flags)');
    this.#setsockopt = libc.func(
      'int setsockopt(int fd, int level, int option, const void *value, unsigned int length)',
    );
    this.#close = libc.func('int close(int fd)');
    const socketpair = libc.func('int socketpair(int domain, int type, int protocol, void *ends)');
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, this.#ends) < 0) throw new Error(`socketpair: ${koffi.errno()}`);
  }

  /** Attach in place of the program before. @returns 0 or -errno */
  attach(insns: readonly ClassicInstruction[], fd: number = this.#ends[1]): number {
    const code = encodeClassic(insns);
    const fprog = new DataView(new ArrayBuffer(16));
    fprog.setUint16(0, insns.length, true);
    fprog.setBigUint64(8, code.length > 0 ? this.#koffi.address(code) : 0n, true);
    const done = this.#setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, new Uint8Array(fprog.buffer), 16);
    return done < 0 ? -this.#koffi.errno() : 0;
  }

  /** Send a packet through the attached program. @returns its length where it arrives; -1 where it was dropped */
  pass(packet: Uint8Array): number {
    if (Number(this.#send(this.#ends[0], packet, packet.length, MSG_DONTWAIT)) < 0)
      throw new Error(`send: ${this.#koffi.errno()}`);
    return this.receive(this.#ends[1]);
  }

  /** @returns bytes of the next datagram; -1 where there is none */
  receive(fd: number): number {
    return Number(this.#recv(fd, this.#room, this.#room.length, MSG_DONTWAIT));
  }

  close(): void {
    for (const end of this.#ends) this.#close(end);
  }
}

/** @returns undefined where there is no Linux or no koffi */
export async function openClassicSocket(): Promise<ClassicSocket | undefined> {
  const koffi = await loadKoffi();
  return koffi && new ClassicSocket(koffi);
}
