// A small HTTP service that knows nothing of skep. `node service.mjs [PORT]` serves until it is ended;
// `node service.mjs --requests N` asks itself N times and ends.
import { createServer, Agent, get } from 'node:http';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

const orders = new Map([
  ['7', { id: 7, total: 1999, country: 'DE' }],
  ['8', { id: 8, total: 250, country: 'FR' }],
]);

const server = createServer(async (request, response) => {
  const [, kind, id] = request.url.split('/');
  if (kind === 'search') await delay(5);
  const found = kind === 'orders' ? (id === undefined ? [...orders.keys()] : orders.get(id)) : {};
  response.statusCode = found === undefined ? 404 : 200;
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(found ?? { error: 'no such order' }));
});

const [option, argument] = process.argv.slice(2);
server.listen(option === '--requests' ? 0 : Number(option ?? 8080), '127.0.0.1');
await once(server, 'listening');
console.log(`http://127.0.0.1:${server.address().port}`);

if (option === '--requests') {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const paths = ['/', '/orders', '/orders/7', '/orders/9', '/search'];
  const ask = (path) =>
    new Promise((resolve, reject) => {
      get({ agent, port: server.address().port, host: '127.0.0.1', path }, (response) =>
        response.resume().on('end', resolve),
      ).on('error', reject);
    });
  await Promise.all(Array.from({ length: Number(argument) }, (_, i) => ask(paths[i % paths.length])));
  agent.destroy();
  server.close();
}
