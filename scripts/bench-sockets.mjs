// What a filter at a UDP socket in user space costs: nanoseconds a datagram over the same socket without one. The handler of
// the socket's handle is called as Node calls it when a datagram has come, so that only this project's part is measured and
// not the kernel's. Rounds of both take turns; the quickest of many counts.
// Usage: npm run build && node scripts/bench-sockets.mjs [NAME]
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { assemble } from '../dist/asm/index.js';
import { encode } from '../dist/isa/index.js';
import { createKernel } from '../dist/kernel/index.js';
import { Program } from '../dist/loader/index.js';
import { attachSocketFilter } from '../dist/node/index.js';

const SOCKET_FILTER = 1;
const PROG_LOAD = 5;
const ROUNDS = 60;
const CALLS = 20_000;
const PAYLOAD = 64;
const SENDERS = 1000;
const ADDRESSES = Array.from({ length: SENDERS }, (_, i) => Buffer.from(`127.0.${i % 7}.${i % 251}`));

const LOOKS = 'look at the port and a byte of the payload';

const HEADER = 'look at the network header';
const PROGRAMS = {
  'keep all': 'w0 = -1\nexit',
  [LOOKS]: `r6 = r1
    r0 = *(u16 *)skb[2]
    if w0 == 0 goto +3
    r0 = *(u8 *)skb[8]
    if w0 == 255 goto +1
    w0 = -1
    exit`,
  [HEADER]: `r6 = r1
    r0 = *(u8 *)skb[-1048564]
    if w0 == 0 goto +1
    w0 = -1
    exit`,
  'cut to 16 bytes': 'w0 = 24\nexit',
  'drop all': 'w0 = 0\nexit',
};

/** ldh [2]; jeq #0, drop; ldb [8]; ret #-1 */
const CLASSIC = [
  { code: 0x28, jt: 0, jf: 0, k: 2 },
  { code: 0x15, jt: 2, jf: 0, k: 0 },
  { code: 0x30, jt: 0, jf: 0, k: 8 },
  { code: 0x06, jt: 0, jf: 0, k: 0xffffffff },
  { code: 0x06, jt: 0, jf: 0, k: 0 },
];

const state = (socket) => socket[Object.getOwnPropertySymbols(socket).find((s) => s.description === 'state symbol')];

function load(kernel, text) {
  const insns = encode(assemble(text).insns);
  const fd = kernel.bpf(PROG_LOAD, { progType: SOCKET_FILTER, insns, license: 'GPL' });
  return new Program(kernel, fd, { name: 'filter', type: SOCKET_FILTER });
}

async function openSocket() {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  let bytes = 0;
  socket.on('message', (data) => (bytes += data.length));
  return socket;
}

/** Nanoseconds of processor time a call. */
function round(handle, datagram, senders) {
  const before = process.cpuUsage();
  for (let i = 0; i < CALLS; i++) {
    // Node makes these for each datagram, the address as a string of its own.
    const from = ADDRESSES[i % senders];
    const address = from.latin1Slice(0, from.length);
    handle.onmessage(PAYLOAD, handle, datagram, { address, family: 'IPv4', port: 40_000 + (i % senders), size: 0 });
  }
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1000) / CALLS;
}

const MANY = `, of ${SENDERS} senders in turn`;
const SUBJECTS = [...Object.keys(PROGRAMS), LOOKS + MANY, HEADER + MANY, 'classic, compiled', 'classic, interpreted'];

/** What a filter costs, in a process of its own: what else ran before changes what V8 makes of it. */
async function measure(name) {
  const plain = await openSocket();
  const filtered = await openSocket();
  const kernel = createKernel();
  const text = PROGRAMS[name.replace(MANY, '')];
  if (text !== undefined) attachSocketFilter(filtered, load(kernel, text));
  else attachSocketFilter(filtered, CLASSIC, { sys: name.endsWith('compiled') ? kernel : undefined });
  const rows = [plain, filtered].map((socket) => ({ handle: state(socket).handle, best: Infinity }));
  const datagram = Buffer.alloc(PAYLOAD, 97);
  for (let i = 0; i < ROUNDS; i++)
    for (const row of rows)
      row.best = Math.min(row.best, round(row.handle, datagram, name.endsWith(MANY) ? SENDERS : 1));
  plain.close();
  filtered.close();
  return { name, unfiltered: rows[0].best, more: rows[1].best - rows[0].best };
}

const only = process.argv[2];
if (SUBJECTS.includes(only)) console.log(JSON.stringify(await measure(only)));
else {
  const self = fileURLToPath(import.meta.url);
  for (const name of SUBJECTS) {
    const { unfiltered, more } = JSON.parse(execFileSync(process.execPath, [self, name], { encoding: 'utf8' }));
    console.log(
      `a filter at a UDP socket (${name}): ${more.toFixed(0)} ns a datagram, over ${unfiltered.toFixed(0)} ns without one`,
    );
  }
}
