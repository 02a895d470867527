import { describe, expect, it } from 'vitest';
import { ERRNO } from '../errors/index.ts';
import type { ProgTestRunAttr } from '../sys/index.ts';
import { BPF_CMD, PROG_TYPE } from '../uapi/index.ts';
import { FakeSys } from '../../test/support/fake-sys.ts';
import { Program } from './index.ts';

/** A kernel whose programs return the packet's length and answer with the packet reversed. */
const sys = () =>
  new FakeSys((cmd, attr) => {
    if (cmd !== BPF_CMD.PROG_TEST_RUN) return undefined;
    const run = attr as ProgTestRunAttr;
    if (run.dataIn === undefined) return -ERRNO.EINVAL;
    run.retval = run.dataIn.length;
    run.duration = 5;
    run.dataSizeOut = run.dataIn.length;
    run.dataOut?.set([...run.dataIn].reverse());
    return 0;
  });

function program(kernel: FakeSys, type: number = PROG_TYPE.SOCKET_FILTER): Program {
  return new Program(
    kernel,
    kernel.bpf(BPF_CMD.PROG_LOAD, { progType: type, insns: new Uint8Array(16), license: '' }),
    { name: 'p', type },
  );
}

const data = Uint8Array.of(1, 2, 3);

describe('run', () => {
  it('gives the verdict', () => {
    expect(program(sys()).run({ data })).toEqual({ retval: 3, duration: 5 });
  });

  it('shows a socket filter what a packet socket would, others what a test run does', () => {
    const kernel = sys();
    program(kernel).run({ data });
    program(kernel, PROG_TYPE.XDP).run({ data, repeat: 7 });
    const [filter, xdp] = kernel.attrs(BPF_CMD.PROG_TEST_RUN);
    expect(filter).toMatchObject({ view: 'packet-socket', repeat: 1 });
    expect(xdp.view).toBeUndefined();
    expect(xdp.repeat).toBe(7);
  });

  it('gives the packet back when asked, in a buffer of its own or in the given one', () => {
    const kernel = sys();
    const p = program(kernel);
    const buffer = new Uint8Array(10);
    const first = p.run({ data, dataOut: true }).dataOut;
    expect(first).toEqual(Uint8Array.of(3, 2, 1));
    expect(p.run({ data, dataOut: buffer }).dataOut?.buffer).toBe(buffer.buffer);
    expect(p.run({ data }).dataOut).toBeUndefined();
    expect(kernel.attrs(BPF_CMD.PROG_TEST_RUN)[2].dataOut).toBeUndefined();
    expect(first).toEqual(Uint8Array.of(3, 2, 1));
  });

  it('says which program failed', () => {
    expect(() => program(sys()).run({})).toThrow('BPF_PROG_TEST_RUN: Invalid argument (EINVAL): program p');
  });
});

it('test passes everything on', () => {
  const kernel = sys();
  const p = program(kernel);
  const attr = p.test({ dataIn: data, repeat: 3, flags: 1, cpu: 2 });
  expect(attr).toMatchObject({ progFd: p.fd, retval: 3, dataSizeOut: 3 });
  expect(kernel.attrs(BPF_CMD.PROG_TEST_RUN)[0]).toEqual({ progFd: p.fd, dataIn: data, repeat: 3, flags: 1, cpu: 2 });
});

it('closes once', () => {
  const kernel = sys();
  const p = program(kernel);
  p.close();
  p[Symbol.dispose]();
  expect([p.fd, kernel.open.size]).toEqual([-1, 0]);
});
