/** What is no socket, no program, no option: refused by name, and the filter that is there stays. */
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { createKernel } from '../../src/kernel/index.ts';
import { attachSocketFilter, userSocket } from '../../src/node/sockets/attach.ts';
import type { FilterTarget } from '../../src/node/sockets/attach.ts';
import { SO } from '../../src/uapi/index.ts';
import { bound, returning } from './support.ts';

it('what is no socket is a TypeError', () => {
  using kernel = createKernel();
  const program = returning(kernel, 0);
  for (const target of [null, undefined, 5, 'udp', {}, []] as unknown as FilterTarget[]) {
    expect(() => attachSocketFilter(target, program)).toThrow(new TypeError('no socket that takes filters'));
    expect(() => userSocket(target)).toThrow(new TypeError('no socket that takes filters'));
  }
});

it('fuel that is no number from 1 on, and a value that is none, change nothing', async () => {
  using kernel = createKernel();
  const socket = await bound();
  const link = attachSocketFilter(socket, returning(kernel, 0));
  for (const fuel of [0, -1, NaN, '5', 'much'])
    expect(() => attachSocketFilter(socket, returning(kernel, 0), { fuel: fuel as number })).toThrow(/EINVAL.*fuel/);
  for (const option of [SO.ATTACH_BPF, SO.ATTACH_FILTER, SO.DETACH_FILTER, SO.LOCK_FILTER])
    for (const value of [undefined, null, {}])
      expect(kernel.setsockopt(userSocket(socket), option, value as unknown as number)).toBe(-14);
  expect(link.attached).toBe(true);
  socket.close();
});

it('a socket that is closed, with a filter or after one, has EBADF for all of it', async () => {
  using kernel = createKernel();
  for (const detached of [true, false]) {
    const socket = await bound();
    const link = attachSocketFilter(socket, returning(kernel, 0));
    if (detached) link.detach();
    socket.close();
    for (const when of ['closing', 'closed']) {
      if (when === 'closed' && !detached) await once(socket, 'close');
      expect(link.attached).toBe(false);
      link.detach();
      for (const option of [SO.ATTACH_BPF, SO.DETACH_FILTER, SO.LOCK_FILTER])
        expect(kernel.setsockopt(userSocket(socket), option, 1)).toBe(-9);
    }
  }
});
