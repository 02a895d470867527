/** Events of node:http and node:http2. */
import { count, bytesOf, ERROR_FIELDS, errorValues, text } from './read.ts';
import type { Foreign } from './read.ts';
import { channel, event, Span } from './source.ts';
import type { NodeEvent } from './source.ts';

const SERVER_REQUEST = { method: 'char[8]', url: 'char[64]' } as const;
const CLIENT_REQUEST = { method: 'char[8]', host: 'char[64]', path: 'char[64]' } as const;

const serverRequest = new Span(channel('http.server.request.start'), ({ request }) => request, true);
const clientRequest = new Span(channel('http.client.request.start'), ({ request }) => request, true);

/** The URL as it came: frameworks that take parts off `url` keep it there. */
const urlOf = ({ originalUrl, url }: Foreign): string => text(originalUrl) || text(url);
const asked = ({ request }: Foreign) => ({ method: text(request.method), url: urlOf(request) });
const asks = ({ request }: Foreign) => ({
  method: text(request.method),
  host: text(request.host),
  path: text(request.path),
});

const HTTP1: readonly NodeEvent[] = [
  event('http:server_request_start', channel('http.server.request.start'), SERVER_REQUEST, asked),
  event('http:server_response_created', channel('http.server.response.created', 22), SERVER_REQUEST, asked),
  event(
    'http:server_response_finish',
    channel('http.server.response.finish'),
    { status: 'u16', duration_ns: 'u64', ...SERVER_REQUEST },
    ({ request, response }, duration_ns) => ({
      status: count(response.statusCode),
      duration_ns,
      method: text(request.method),
      url: urlOf(request),
    }),
    serverRequest,
  ),
  event('http:client_request_created', channel('http.client.request.created', 22), CLIENT_REQUEST, asks),
  event('http:client_request_start', channel('http.client.request.start'), CLIENT_REQUEST, asks),
  event(
    'http:client_request_error',
    channel('http.client.request.error'),
    { duration_ns: 'u64', ...CLIENT_REQUEST, ...ERROR_FIELDS },
    (message, duration_ns) => ({ duration_ns, ...asks(message), ...errorValues(message.error) }),
    clientRequest,
  ),
  event(
    'http:client_response_finish',
    channel('http.client.response.finish'),
    { status: 'u16', duration_ns: 'u64', ...CLIENT_REQUEST },
    ({ request, response }, duration_ns) => ({
      status: count(response.statusCode),
      duration_ns,
      method: text(request.method),
      host: text(request.host),
      path: text(request.path),
    }),
    clientRequest,
  ),
];

const STREAM = { stream_id: 'u32' } as const;
const STREAM_REQUEST = { ...STREAM, method: 'char[8]', path: 'char[64]' } as const;

const stream = ({ stream }: Foreign) => ({ stream_id: count(stream.id) });
const streamRequest = (message: Foreign) => ({
  stream_id: count(message.stream.id),
  method: text(message.headers?.[':method']),
  path: text(message.headers?.[':path']),
});

/** Both sides report the same of a stream, but for what only a client sends. */
function streams(side: 'server' | 'client'): NodeEvent[] {
  const from = (name: string) => channel(`http2.${side}.stream.${name}`, 22);
  const span = new Span(from('created'), ({ stream }) => stream);
  return [
    event(`http2:${side}_stream_created`, from('created'), STREAM_REQUEST, streamRequest),
    event(`http2:${side}_stream_start`, from('start'), STREAM_REQUEST, streamRequest),
    event(
      `http2:${side}_stream_finish`,
      from('finish'),
      { status: 'u16', flags: 'u8', ...STREAM, duration_ns: 'u64' },
      (message, duration_ns) => ({
        status: count(Number(message.headers?.[':status'])),
        flags: count(message.flags),
        ...stream(message),
        duration_ns,
      }),
      span,
    ),
    event(
      `http2:${side}_stream_close`,
      from('close'),
      { ...STREAM, reset_code: 'u32', duration_ns: 'u64' },
      (message, duration_ns) => ({ ...stream(message), reset_code: count(message.stream.rstCode), duration_ns }),
      span,
    ),
    event(`http2:${side}_stream_error`, from('error'), { ...STREAM, ...ERROR_FIELDS }, (message) => ({
      ...stream(message),
      ...errorValues(message.error),
    })),
  ];
}

const HTTP2: readonly NodeEvent[] = [
  ...streams('server'),
  ...streams('client'),
  event(
    'http2:client_stream_body_chunk_sent',
    channel('http2.client.stream.bodyChunkSent', 22),
    { ...STREAM, bytes: 'u32' },
    (message) => ({ ...stream(message), bytes: bytesOf(message.data) }),
  ),
  event('http2:client_stream_body_sent', channel('http2.client.stream.bodySent', 22), STREAM, stream),
];

export const HTTP_EVENTS: readonly NodeEvent[] = [...HTTP1, ...HTTP2];
