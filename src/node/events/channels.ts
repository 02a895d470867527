/** Events of the other built-in channels: sockets, children, workers, the console, the process, locks, permissions. */
import { count, place, text } from './read.ts';
import type { Foreign } from './read.ts';
import { channel, event } from './source.ts';
import type { NodeEvent, Source } from './source.ts';

/** What a channel says of something before it is ready, told when the current code has ended; it is not kept longer. */
function afterwards(source: Source): Source {
  return {
    ...source,
    listen(take) {
      let live = true;
      const stop = source.listen((message) => queueMicrotask(() => void (live && take(message))));
      return () => {
        live = false;
        stop();
      };
    },
  };
}

const SOCKETS: readonly NodeEvent[] = [
  event('net:client_socket', channel('net.client.socket'), { connecting: 'bool' }, ({ socket }) => ({
    connecting: Boolean(socket.connecting),
  })),
  event(
    'net:server_socket',
    channel('net.server.socket'),
    { remote_port: 'u16', local_port: 'u16', remote_address: 'char[48]' },
    ({ socket }) => ({
      remote_port: count(socket.remotePort),
      local_port: count(socket.localPort),
      remote_address: text(socket.remoteAddress),
    }),
  ),
  event('udp:socket', channel('udp.socket'), { socket_type: 'char[8]' }, ({ socket }) => ({
    socket_type: text(socket.type),
  })),
];

const CHILDREN: readonly NodeEvent[] = [
  event(
    'child_process:spawn',
    afterwards(channel('child_process')),
    { pid: 'u32', args: 'u32', file: 'char[128]' },
    ({ process }) => ({ pid: count(process.pid), args: lengthOf(process.spawnargs), file: text(process.spawnfile) }),
  ),
  event('worker_threads:start', channel('worker_threads'), { thread_id: 'u32' }, ({ worker }) => ({
    thread_id: count(worker.threadId),
  })),
];

const lengthOf = (list: unknown): number => (Array.isArray(list) ? list.length : 0);

/** Only a first argument that is a text is read: to format others would run code of the application. */
const printed = (args: Foreign) => ({ args: lengthOf(args), text: text(args[0]) });

const CONSOLE: readonly NodeEvent[] = ['log', 'info', 'debug', 'warn', 'error'].map((method) =>
  event(`console:${method}`, channel(`console.${method}`, 22), { args: 'u32', text: 'char[128]' }, printed),
);

const LOCK = { mode: 'char[16]', name: 'char[64]' } as const;
const LOCKS: readonly NodeEvent[] = ['start', 'grant', 'miss', 'end'].map((step) =>
  event(`locks:request_${step}`, channel(`locks.request.${step}`, 24), LOCK, ({ mode, name }) => ({
    mode: text(mode),
    name: text(name),
  })),
);

const PERMISSIONS: readonly NodeEvent[] = ['fs', 'child', 'worker', 'wasi', 'addon', 'inspector'].map((scope) =>
  event(
    `permission_model:${scope}`,
    channel(`node:permission-model:${scope}`, 24),
    { permission: 'char[32]', resource: 'char[128]' },
    ({ permission, resource }) => ({ permission: text(permission), resource: place(resource) }),
  ),
);

const EXECVE = event(
  'process:execve',
  channel('process.execve', 22),
  { args: 'u32', file: 'char[128]' },
  ({ args, execPath }) => ({ args: lengthOf(args), file: text(execPath) }),
);

export const CHANNEL_EVENTS: readonly NodeEvent[] = [
  ...SOCKETS,
  ...CHILDREN,
  ...CONSOLE,
  EXECVE,
  ...LOCKS,
  ...PERMISSIONS,
];
