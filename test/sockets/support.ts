/** Sockets of a test, and programs as text. */
import { createSocket } from 'node:dgram';
import type { Socket, SocketType } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { assemble } from '../../src/asm/index.ts';
import { BpfError } from '../../src/errors/index.ts';
import { encode } from '../../src/isa/index.ts';
import { Program } from '../../src/loader/index.ts';
import type { BpfSys } from '../../src/sys/index.ts';
import { BPF_CMD, PROG_TYPE } from '../../src/uapi/index.ts';

/** Load a socket filter from the kernel's text; `map[m]` is the map with that descriptor. @throws BpfError */
export function loadFilter(sys: BpfSys, text: string, mapFd = -1): Program {
  const { insns, mapRefs } = assemble(text);
  const patched = insns.map((insn, slot) => {
    const ref = mapRefs.find((r) => r.insn === slot);
    return ref === undefined ? insn : { ...insn, src: ref.offset === undefined ? 1 : 2, imm: mapFd };
  });
  const progType = PROG_TYPE.SOCKET_FILTER;
  const fd = sys.bpf(BPF_CMD.PROG_LOAD, { progType, insns: encode(patched), license: 'GPL' });
  if (fd < 0) throw new BpfError(fd, 'BPF_PROG_LOAD', text);
  return new Program(sys, fd, { name: 'filter', type: progType });
}

/** A program that returns a constant. */
export const returning = (sys: BpfSys, value: number): Program => loadFilter(sys, `w0 = ${value | 0}\nexit`);

export async function bound(address = '127.0.0.1', type: SocketType = 'udp4', port = 0): Promise<Socket> {
  const socket = createSocket(type);
  socket.bind(port, address);
  await once(socket, 'listening');
  return socket;
}

export const portOf = (socket: { address(): unknown }): number => (socket.address() as AddressInfo).port;

export const send = (from: Socket, to: Socket, data: Uint8Array, address = '127.0.0.1'): Promise<void> =>
  new Promise((resolve, reject) => {
    from.send(data, portOf(to), address, (error) => (error ? reject(error) : resolve()));
  });
