/** Sends frames as they are on a device of the calling thread's network namespace. Needs Linux, koffi and CAP_NET_RAW. */
import { writeSync } from 'node:fs';
import { loadLibc } from '../../src/ffi/index.ts';

const AF_PACKET = 17;
const SOCK_RAW = 3;

export interface FrameSender {
  send(frame: Uint8Array): void;
  close(): void;
}

export async function openFrameSender(iface: string): Promise<FrameSender> {
  const libc = await loadLibc();
  if (libc === undefined) throw new Error('no koffi');
  const fd = libc.socket(AF_PACKET, SOCK_RAW, 0);
  const address = new DataView(new ArrayBuffer(20));
  address.setUint16(0, AF_PACKET, true);
  address.setInt32(4, libc.interfaceIndex(iface), true);
  const error = libc.bind(fd, new Uint8Array(address.buffer));
  if (fd < 0 || error) throw new Error(`no socket on ${iface}: ${Math.min(fd, error)}`);
  return { send: (frame) => void writeSync(fd, frame), close: () => void libc.close(fd) };
}
