/** Events of undici, the HTTP client behind Node's fetch and WebSocket; and of the package, which uses the same channels. */
import { bytesOf, count, ERROR_FIELDS, errorValues, place, text } from './read.ts';
import type { Foreign } from './read.ts';
import { channel, event, Span } from './source.ts';
import type { NodeEvent } from './source.ts';

const REQUEST = { method: 'char[8]', origin: 'char[64]', path: 'char[64]' } as const;
const CONNECT = { port: 'u16', protocol: 'char[32]', host: 'char[64]' } as const;

const requested = ({ request }: Foreign) => ({
  method: text(request.method),
  origin: place(request.origin),
  path: text(request.path),
});
const connecting = ({ connectParams }: Foreign) => ({
  port: count(Number(connectParams.port) || (text(connectParams.protocol) === 'https:' ? 443 : 80)),
  protocol: text(connectParams.protocol),
  host: text(connectParams.hostname) || text(connectParams.host),
});

const from = (name: string, node = 20) => channel(`undici:${name}`, node);
const span = new Span(from('request:create'), ({ request }) => request);

export const UNDICI_EVENTS: readonly NodeEvent[] = [
  event('undici:request_create', from('request:create'), REQUEST, requested),
  event(
    'undici:request_body_chunk_sent',
    from('request:bodyChunkSent', 24),
    { ...REQUEST, bytes: 'u32' },
    (message) => ({
      ...requested(message),
      bytes: bytesOf(message.chunk),
    }),
  ),
  event('undici:request_body_sent', from('request:bodySent'), REQUEST, requested),
  event(
    'undici:request_headers',
    from('request:headers'),
    { status: 'u16', duration_ns: 'u64', ...REQUEST },
    (message, duration_ns) => ({ status: count(message.response.statusCode), duration_ns, ...requested(message) }),
    span,
  ),
  event(
    'undici:request_body_chunk_received',
    from('request:bodyChunkReceived', 24),
    { ...REQUEST, bytes: 'u32' },
    (message) => ({ ...requested(message), bytes: bytesOf(message.chunk) }),
  ),
  event(
    'undici:request_trailers',
    from('request:trailers'),
    { duration_ns: 'u64', ...REQUEST },
    (message, duration_ns) => ({ duration_ns, ...requested(message) }),
    span,
  ),
  event(
    'undici:request_error',
    from('request:error'),
    { duration_ns: 'u64', ...REQUEST, ...ERROR_FIELDS },
    (message, duration_ns) => ({ duration_ns, ...requested(message), ...errorValues(message.error) }),
    span,
  ),
  event('undici:client_before_connect', from('client:beforeConnect'), CONNECT, connecting),
  event('undici:client_connected', from('client:connected'), CONNECT, connecting),
  event('undici:client_connect_error', from('client:connectError'), { ...CONNECT, ...ERROR_FIELDS }, (message) => ({
    ...connecting(message),
    ...errorValues(message.error),
  })),
  event('undici:client_send_headers', from('client:sendHeaders'), REQUEST, requested),
  event('undici:proxy_connected', from('proxy:connected', 24), { origin: 'char[64]', path: 'char[64]' }, (message) => ({
    origin: place(message.connectParams.origin),
    path: text(message.connectParams.path),
  })),
  event(
    'undici:websocket_open',
    from('websocket:open'),
    { local_port: 'u16', local_address: 'char[48]', protocol: 'char[32]' },
    ({ address, protocol }) => ({
      local_port: count(address?.port),
      local_address: text(address?.address),
      protocol: text(protocol),
    }),
  ),
  event(
    'undici:websocket_close',
    from('websocket:close'),
    { close_code: 'u16', reason: 'char[64]' },
    ({ code, reason }) => ({ close_code: count(code), reason: text(reason) }),
  ),
  event('undici:websocket_socket_error', from('websocket:socket_error'), ERROR_FIELDS, errorValues),
  event('undici:websocket_ping', from('websocket:ping'), { bytes: 'u32' }, ({ payload }) => ({
    bytes: bytesOf(payload),
  })),
  event('undici:websocket_pong', from('websocket:pong'), { bytes: 'u32' }, ({ payload }) => ({
    bytes: bytesOf(payload),
  })),
];
