/** An HTTP service and its load: how many requests of which kind were made, and whether all were answered. */
import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Requests answered, by `status url`, and what went wrong. */
export interface Load {
  readonly counts: Record<string, number>;
  readonly failed: Error[];
}

const CONNECTIONS = 16;

/** What answers 404 to what it does not know, 500 to `/broken`, and takes a while for `/slow`. */
export const shop: RequestListener = ({ url = '' }, response) => {
  response.statusCode = url === '/broken' ? 500 : url.startsWith('/unknown') ? 404 : 200;
  if (url === '/slow') setTimeout(() => response.end('slow'), 3);
  else response.end(url);
};

/** Serve while `body` runs. */
export async function serving<T>(listener: RequestListener, body: (port: number) => Promise<T>): Promise<T> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    return await body((server.address() as AddressInfo).port);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

/** Ask `requests` times over connections that stay open, for `urls` in turn. */
export async function load(port: number, urls: readonly string[], requests: number): Promise<Load> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const made: Load = { counts: {}, failed: [] };
  let next = 0;
  async function client(): Promise<void> {
    for (let i = next++; i < requests; i = next++) {
      const path = urls[i % urls.length];
      try {
        const status = await ask(agent, port, path);
        const key = `${status} ${path}`;
        made.counts[key] = (made.counts[key] ?? 0) + 1;
      } catch (error) {
        made.failed.push(error as Error);
      }
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, client));
  agent.destroy();
  return made;
}

function ask(agent: Agent, port: number, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request({ agent, port, path, host: '127.0.0.1' }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
      response.on('error', reject);
    });
    asked.on('error', reject);
    asked.end();
  });
}
