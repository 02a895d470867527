/** `skep run --iface` and `skep cbpf run --iface`, on lo of a network namespace of the test's own. */
import { createSocket } from 'node:dgram';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { dispatch } from '../../src/cli/dispatch.ts';
import { UsageError } from '../../src/cli/command.ts';
import { BpfError } from '../../src/errors/index.ts';
import { openLinux } from '../../src/linux/index.ts';
import { testIo } from '../support/io.ts';
import { enterNetworkNamespace } from '../support/network-namespace.ts';

const entered = await enterNetworkNamespace();
if (typeof entered === 'string') console.warn(`commands on live packets are not tested: ${entered}`);
const here = typeof entered !== 'string';
const noKernel = await openLinux().then(
  () => '',
  (error: Error) => error.message,
);
if (noKernel) console.warn(`filters of the kernel are not tested: ${noKernel}`);
afterAll(() => typeof entered !== 'string' && entered.leave());

const object = fileURLToPath(new URL('../../examples/count-by-protocol/count.bpf.o', import.meta.url));
const text = (...lines: string[]) => [new TextEncoder().encode(lines.join('\n'))];

/** Run a command while a datagram of 100 bytes goes over lo every few milliseconds. */
async function whileSending(words: readonly string[], input: Uint8Array[] = []): Promise<string> {
  const io = testIo({ input });
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const sending = setInterval(() => socket.send(Buffer.alloc(100), socket.address().port, '127.0.0.1'), 2);
  try {
    expect(await dispatch([...words], io)).toBe(0);
    expect(io.stderr).toBe('');
    return io.stdout;
  } finally {
    clearInterval(sending);
    socket.close();
  }
}

interface LiveReport {
  readonly received: number;
  readonly delivered: number;
  readonly deliveredBytes: number;
  readonly droppedByFilter: number;
  readonly droppedByKernel: number;
  readonly iface: string;
  readonly maps: { readonly counts: { readonly entries: readonly { key: number; value: { packets: number } }[] } };
}

describe.skipIf(!here)('live packets', () => {
  it('are counted in user space', async () => {
    const out = await whileSending(['run', object, '--iface', 'lo', '--limit', '20', '--json']);
    const report = JSON.parse(out) as LiveReport;
    expect(report).toMatchObject({ iface: 'lo', received: 20, delivered: 0, droppedByFilter: 20, droppedByKernel: 0 });
    expect(report.maps.counts.entries).toEqual([{ key: 17, value: { packets: 20, bytes: 20 * 142 } }]);
  });

  it.skipIf(noKernel)('are counted in the kernel', async () => {
    const words = ['run', object, '--iface', 'any', '--duration', '0.3', '--json', '--backend', 'linux'];
    const report = JSON.parse(await whileSending(words)) as LiveReport;
    expect(report).toMatchObject({ delivered: 0, droppedByKernel: 0, backend: 'linux' });
    expect(report).not.toHaveProperty('droppedByFilter');
    expect(report.maps.counts.entries[0].value.packets).toBeGreaterThan(10);
  });

  it('are shown as text, until Ctrl-C', async () => {
    const listening = setInterval(() => {
      if (process.listenerCount('SIGINT') === 0) return;
      clearInterval(listening);
      setTimeout(() => process.emit('SIGINT'), 500); // packets come meanwhile
    }, 20);
    const out = await whileSending(['run', object, 'count', '--iface', 'lo']);
    expect(out).toMatch(
      /^program count \(socket_filter, userspace\) on lo, \d+\.\d s\n\npackets\n +0  let through, 0 bytes\n/,
    );
    expect(out).toMatch(/\n +\d+  dropped by the filter\n +0  lost, no room in the ring\n\nmap counts: hash, 1 of/);
    expect(process.listenerCount('SIGINT')).toBe(0);
  });

  it('go through classic programs', async () => {
    const program = text('ldh [12]', 'jneq #0x800, drop', 'ret #60', 'drop: ret #0');
    const json = await whileSending(['cbpf', 'run', '-', '--iface', 'lo', '--limit', '9', '--json'], program);
    expect(JSON.parse(json)).toMatchObject({ received: 9, delivered: 9, deliveredBytes: 9 * 60 });
    const out = await whileSending(['cbpf', 'run', '-', '--iface', 'lo', '--limit', '3'], text('ret #0'));
    expect(out).toMatch(
      /^classic program on lo, .* s\n\npackets\n +0  let through, 0 bytes\n +3  dropped by the filter\n/,
    );
  });

  it('are of a device that there is', async () => {
    await expect(dispatch(['run', object, '--iface', 'nope'], testIo())).rejects.toThrow(BpfError);
  });
});

describe('wrong words', () => {
  const refused = (...words: string[]) => expect(dispatch(words, testIo({ input: text('ret #0') }))).rejects;

  it('are named', async () => {
    await refused('run', object, '--iface', 'lo', '--pcap', 'x').toThrow('exclude each other');
    await refused('run', object, '--pcap', 'x', '--duration', '1').toThrow('--duration belongs to --iface');
    await refused('run', object).toThrow('--pcap FILE is missing, or --iface NAME');
    await refused('cbpf', 'run', '-').toThrow(UsageError);
    await refused('cbpf', 'run', '-', '--iface', 'lo', '--duration', 'soon').toThrow(
      '--duration is a number of seconds',
    );
    const xdp = fileURLToPath(new URL('../objects/xdp_parse.o', import.meta.url));
    await refused('run', xdp, '--iface', 'lo').toThrow('takes programs of type socket_filter');
  });
});
