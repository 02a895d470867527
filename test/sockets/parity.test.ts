/**
 * What a program sees on a UDP socket, byte by byte, in user space and in the kernel: headers, every field of `__sk_buff` that
 * socket filters may read, and the socket behind `sk`. The differences are those of the table in docs/sockets.md.
 */
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterAll, describe, expect, it } from 'vitest';
import { LL_OFF, NET_OFF } from '../../src/cbpf/index.ts';
import { SK_BUFF } from '../../src/contracts/index.ts';
import { createKernel } from '../../src/kernel/index.ts';
import { LinuxUnavailableError, openLinux } from '../../src/linux/index.ts';
import { attachSocketFilter } from '../../src/node/sockets/attach.ts';
import type { BpfSys } from '../../src/sys/index.ts';
import { bound, loadFilter, portOf, send } from './support.ts';

const linux = await openLinux().catch((error: unknown) => {
  if (!(error instanceof LinuxUnavailableError)) throw error;
  console.warn(`the comparison of what UDP filters see is skipped: ${error.message}`);
  return undefined;
});
const kernel = createKernel();
afterAll(() => kernel[Symbol.dispose]());

const LENGTH = 300;
/** Fields that socket filters may read, and their bytes. */
const HIDDEN = 'tc_classid data data_end data_meta flow_keys tstamp wire_len tstamp_type hwtstamp sk cb'.split(' ');
const HIDDEN_TOO = 'family remote_ip4 local_ip4 remote_ip6 local_ip6 remote_port local_port'.split(' ');
const FIELDS = SK_BUFF.fields.filter(({ name }) => ![...HIDDEN, ...HIDDEN_TOO].includes(name));
const CB = [0, 4, 8, 12, 16];
const SOCK = {
  bound_dev_if: 0,
  family: 4,
  src_ip4: 24,
  src_ip6: 28,
  src_port: 44,
  dst_port: 48,
  dst_ip4: 52,
  dst_ip6: 56,
};
const SOCK_TOO = { state: 72, rx_queue_mapping: 76 };
/** Of `struct bpf_sock`; addresses of IPv6 word by word. */
const SOCK_WORDS = Object.entries({ ...SOCK, ...SOCK_TOO }).flatMap(([name, at]) =>
  name.endsWith('ip6')
    ? [0, 4, 8, 12].map((n) => [`sk->${name}[${n}]`, at + n] as const)
    : [[`sk->${name}`, at] as const],
);

/** Loads that leave a number in r0, by name. */
function loads(headers: number): [string, string][] {
  const skb = (name: string, offset: number): [string, string] => [name, `r0 = *(u8 *)skb[${offset}]`];
  const inData = headers - 14 - 8;
  return [
    ...Array.from({ length: 14 }, (_, at) => skb(`link[${at}]`, LL_OFF + at)),
    ...Array.from({ length: inData }, (_, at) => skb(`network[${at}]`, NET_OFF + at)),
    ...Array.from({ length: 8 }, (_, at) => skb(`udp[${at}]`, at)),
    ...FIELDS.map(({ name, offset }): [string, string] => [name, `r0 = *(u32 *)(r6 +${offset})`]),
    ...CB.map((at): [string, string] => [`cb[${at}]`, `r0 = *(u32 *)(r6 +${48 + at})\n *(u32 *)(r6 +${48 + at}) = r6`]),
    ...SOCK_WORDS.map(([name, at]): [string, string] => [
      name,
      `r1 = *(u64 *)(r6 +168)\n r0 = 0\n if r1 == 0x0 goto +1\n r0 = *(${name.endsWith('dst_port') ? 'u16' : 'u32'} *)(r1 +${at})`,
    ]),
  ];
}

/** The number that a load leaves, as lengths to which datagrams are cut. */
async function seen(sys: BpfSys, load: string, receiver: Socket, sender: Socket, address: string): Promise<number> {
  let value = 0;
  for (let n = 3; n >= 0; n--) {
    using program = loadFilter(sys, `r6 = r1\n ${load}\n w0 >>= ${8 * n}\n w0 &= 255\n w0 += 9\n exit`);
    const link = attachSocketFilter(receiver, program);
    const came = once(receiver, 'message');
    await send(sender, receiver, new Uint8Array(LENGTH), address);
    const [data] = (await came) as [Buffer];
    value = value * 256 + data.length - 1;
    link.detach();
  }
  return value;
}

interface Where {
  readonly type: 'udp4' | 'udp6';
  /** Of the sender, and where it sends to. */
  readonly address: string;
  /** Of the receiver, if it is another. */
  readonly bindTo?: string;
  readonly connect?: boolean;
  /** A group that both take part in, by the loopback device. */
  readonly group?: string;
  /** What differs. */
  readonly except: readonly string[];
}

/** Two sockets as `where` says; `headers` are bytes before the payload. */
async function compare(where: Where, headers: number): Promise<void> {
  const { type, address, group, bindTo = address, connect, except } = where;
  const to = group ?? address;
  const receiver = await bound(bindTo, type);
  const sender = await bound(address, address.includes(':') ? 'udp6' : 'udp4');
  try {
    if (connect) {
      receiver.connect(portOf(sender), address);
      await once(receiver, 'connect');
    }
    if (group !== undefined) {
      receiver.addMembership(group, address);
      sender.setMulticastInterface(address);
    }
    const theirs: Record<string, number> = {};
    const ours: Record<string, number> = {};
    for (const [name, load] of loads(headers)) {
      theirs[name] = await seen(linux as BpfSys, load, receiver, sender, to);
      ours[name] = await seen(kernel, load, receiver, sender, to);
    }
    const differing = Object.keys(theirs).filter((name) => theirs[name] !== ours[name]);
    const told = differing.map((name) => `${name}: Linux ${theirs[name]}, user space ${ours[name]}`);
    expect(told.filter((_, i) => !except.includes(differing[i]))).toEqual([]);
  } finally {
    receiver.close();
    sender.close();
  }
}

const bytes = (name: string, from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `${name}[${from + i}]`);
/** Identification and checksums of IPv4; flow label, checksum and hash of IPv6. */
const V4 = [...bytes('network', 4, 6), ...bytes('network', 10, 12), ...bytes('udp', 6, 8)];
const V6 = [...bytes('network', 1, 4), ...bytes('udp', 6, 8), 'hash'];
/** The receiver's address, where the socket is bound to any. */
const RECEIVER4 = bytes('network', 16, 20);
const RECEIVER6 = bytes('network', 24, 40);

describe.skipIf(!linux)('a program on a UDP socket sees what it sees in the kernel', () => {
  const v4 = { type: 'udp4', address: '127.0.0.1', except: V4 } as const;
  const v6 = { type: 'udp6', address: '::1', except: V6 } as const;

  it('of IPv4', () => compare(v4, 42));
  it('of IPv4, connected', () => compare({ ...v4, connect: true }, 42));
  it('of IPv4, bound to any address', () => compare({ ...v4, bindTo: '0.0.0.0', except: [...V4, ...RECEIVER4] }, 42));
  it('of a group', () => compare({ ...v4, bindTo: '239.1.2.3', group: '239.1.2.3', except: V4 }, 42));
  it('of IPv6', () => compare(v6, 62));
  it('of IPv6, connected', () => compare({ ...v6, connect: true }, 62));
  it('of IPv6, bound to any address', () => compare({ ...v6, bindTo: '::', except: [...V6, ...RECEIVER6] }, 62));
  it('of IPv4 on a socket of IPv6', () =>
    compare({ ...v4, type: 'udp6', bindTo: '::', except: [...V4, ...RECEIVER4] }, 42));
});
