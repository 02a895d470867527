/** The demo host: a small HTTP service and its load in this process, with programs attached. */
import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Io } from './command.ts';
import { begin, report, reportJson, reportText } from './events-report.ts';
import type { EventSettings } from './events-report.ts';
import { thousands } from './table.ts';

const BUNDLED = fileURLToPath(new URL('../../examples/http-requests/http.bpf.o', import.meta.url));

/** What the service answers: status, and milliseconds it takes. */
const ROUTES: Readonly<Record<string, readonly [status: number, ms: number]>> = {
  '/': [200, 0],
  '/orders': [200, 0],
  '/orders/7': [200, 1],
  '/search': [200, 5],
  '/login': [302, 0],
  '/missing': [404, 0],
  '/broken': [500, 2],
};
const CONNECTIONS = 16;

export async function eventsDemo(settings: EventSettings, requests: number, json: boolean, io: Io): Promise<number> {
  const begun = begin({ ...settings, object: settings.object ?? BUNDLED });
  try {
    const answered = await serveAndLoad(requests);
    io.out(begun.host.pipe.read());
    const made = report(0, begun);
    for (const warning of made.warnings) io.err(`skep: warning: ${warning}\n`);
    if (json) io.out(`${JSON.stringify({ requests: answered, ...(reportJson(made) as object) }, null, 2)}\n`);
    else io.out(`${thousands(answered)} requests to a service in this process\n\n${reportText(made, false)}`);
    return 0;
  } finally {
    begun.close();
  }
}

/** @returns how many requests were answered: all, or it throws */
async function serveAndLoad(requests: number): Promise<number> {
  const server = createServer((request, response) => {
    const [status, ms] = ROUTES[request.url ?? ''] ?? [404, 0];
    response.statusCode = status;
    if (ms === 0) response.end();
    else setTimeout(() => response.end(), ms);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const paths = Object.keys(ROUTES);
  let next = 0;
  let answered = 0;
  const client = async (): Promise<void> => {
    for (let i = next++; i < requests; i = next++) {
      await ask(agent, port, paths[i % paths.length]);
      answered++;
    }
  };
  try {
    await Promise.all(Array.from({ length: CONNECTIONS }, client));
  } finally {
    agent.destroy();
    server.close();
    server.closeAllConnections();
  }
  return answered;
}

function ask(agent: Agent, port: number, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = request({ agent, port, path, host: '127.0.0.1' }, (response) => {
      response.resume();
      response.on('end', resolve);
      response.on('error', reject);
    });
    asked.on('error', reject);
    asked.end();
  });
}
