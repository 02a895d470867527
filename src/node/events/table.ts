/** The events of a Node thread, all of them. */
import { CHANNEL_EVENTS } from './channels.ts';
import { HTTP_EVENTS } from './http.ts';
import { PERFORMANCE_EVENTS } from './performance.ts';
import { PROCESS_EVENTS } from './process.ts';
import type { NodeEvent } from './source.ts';
import { TRACING_EVENTS } from './tracing-channels.ts';
import { UNDICI_EVENTS } from './undici.ts';

export const NODE_EVENTS: readonly NodeEvent[] = [
  ...HTTP_EVENTS,
  ...UNDICI_EVENTS,
  ...CHANNEL_EVENTS,
  ...TRACING_EVENTS,
  ...PERFORMANCE_EVENTS,
  ...PROCESS_EVENTS,
];

/** What fields hold, by name: one name means one thing in all events. */
export const FIELD_NOTES: Readonly<Record<string, string>> = {
  active_ns: 'nanoseconds since the last sample in which the event loop ran code',
  args: 'number of arguments',
  bytes: 'bytes sent or received',
  close_code: 'status code of the close frame',
  connecting: 'whether a connection is being made',
  delay_ns: 'nanoseconds by which the timer is late',
  duration_ns: 'nanoseconds since it began; 0 if that was before somebody listened',
  error_code: '`code` of what was thrown',
  error_message: '`message` of what was thrown, or the text that was thrown',
  error_name: '`name` of what was thrown',
  exit_code: 'exit code of the process',
  file: 'the program that is run',
  flags: 'flags of the HTTP/2 frame',
  gc_flags: '`detail.flags` of the entry',
  gc_kind: '1 scavenge, 2 minor mark-sweep, 4 major mark-compact, 8 incremental marking, 16 weak callbacks',
  host: 'name or address of the other side',
  id: 'what is asked for: a module, as it was written',
  idle_ns: 'nanoseconds since the last sample in which the event loop waited',
  initiator: 'what asked for the resource, such as `fetch`',
  local_address: 'address of this side',
  local_port: 'port of this side',
  method: 'HTTP method',
  mode: '`exclusive` or `shared`',
  name: 'name of the entry or the lock',
  origin: 'scheme, host and port; of uncaught exceptions, `uncaughtException` or `unhandledRejection`',
  parent: 'the module that asks',
  path: 'path and query of the request',
  permission: 'what was asked for and denied, such as `FileSystemRead`',
  pid: 'id of the child process; 0 if it could not be started',
  port: 'port of the other side, or the one a server listens on',
  protocol: 'protocol of the URL or of the WebSocket',
  reason: 'reason of the close frame',
  remote_address: 'address of the other side',
  remote_port: 'port of the other side',
  reset_code: 'HTTP/2 error code with which the stream was closed; 0: no error',
  resource: 'what the permission was asked for',
  socket_type: '`udp4` or `udp6`',
  start_ns: 'when it began, on the clock of `bpf_ktime_get_ns`',
  status: 'HTTP status code; of resources, 0 before Node 24',
  stream_id: 'number of the HTTP/2 stream',
  text: 'the first argument, if it is a text',
  thread_id: '`threadId` of the worker',
  url: 'URL of the request: of a server, path and query as they came',
};
