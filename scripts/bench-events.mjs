// What an event costs the application that reports it, in nanoseconds: with nobody listening, with programs attached, and
// beside an OpenTelemetry counter that counts the same. Usage: node scripts/bench-events.mjs [--json].
// npm run bench runs it too. The cost of the loop itself is taken off. OpenTelemetry is not among the
// dependencies: its packages come from the registry into tmp/ the first time; without them its row is left out.
import { execFileSync } from 'node:child_process';
import { channel } from 'node:diagnostics_channel';
import { existsSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assemble } from '../dist/asm/index.js';
import { encode } from '../dist/isa/index.js';
import { defineTracepoint, openTraceHost } from '../dist/node/index.js';
import { BPF_CMD, MAP_TYPE, PROG_TYPE } from '../dist/uapi/index.js';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Short rounds find the moments in which nobody else runs. */
const EVENTS = 4000;
const ROUNDS = 1000;
const OTEL = ['@opentelemetry/api@1.9.1', '@opentelemetry/sdk-metrics@2.12.1'];

const NUMBERS = { bytes: 'u64', id: 'u32', code: 'u32', status: 'u16' };
const WITH_TEXT = { bytes: 'u64', id: 'u32', status: 'u16', url: 'char[16]' };
const URLS = ['/', '/orders', '/orders/7', '/search'];

/** Counts by url and status: a map from 24 bytes to 8. In the record, status is at 20 and url from 22 on. */
const COUNTS = `
  r6 = r1
  r1 = 0
  *(u64 *)(r10 - 8) = r1
  ${[0, 2, 4, 6, 8, 10, 12, 14].map((i) => `r1 = *(u16 *)(r6 + ${22 + i})\n*(u16 *)(r10 - ${24 - i}) = r1`).join('\n')}
  r1 = *(u16 *)(r6 + 20)
  *(u16 *)(r10 - 8) = r1
  r1 = map[counts]
  r2 = r10
  r2 += -24
  call 1
  if r0 == 0 goto first
  r1 = 1
  lock *(u64 *)(r0 + 0) += r1
  goto out
first:
  r1 = 1
  *(u64 *)(r10 - 32) = r1
  r1 = map[counts]
  r2 = r10
  r2 += -24
  r3 = r10
  r3 += -32
  r4 = 0
  call 2
out:
  r0 = 0
  exit`;

/** @returns the descriptor of a program of type tracepoint */
function program(kernel, text) {
  const { insns, mapRefs } = assemble(text);
  const attr = { mapType: MAP_TYPE.HASH, keySize: 24, valueSize: 8, maxEntries: 1024 };
  if (mapRefs.length > 0) {
    const fd = kernel.bpf(BPF_CMD.MAP_CREATE, attr);
    for (const { insn } of mapRefs) Object.assign(insns[insn], { src: 1, imm: fd });
  }
  const fd = kernel.bpf(BPF_CMD.PROG_LOAD, { progType: PROG_TYPE.TRACEPOINT, insns: encode(insns), license: 'GPL' });
  if (fd < 0) throw new Error(`the program is refused: ${fd}`);
  return fd;
}

async function counter() {
  const folder = join(root, 'tmp', 'opentelemetry');
  if (!existsSync(join(folder, 'node_modules'))) {
    try {
      mkdirSync(folder, { recursive: true });
      const args = ['install', '--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', folder, ...OTEL];
      execFileSync('npm', args, { stdio: 'ignore', shell: process.platform === 'win32' });
    } catch {
      console.error('OpenTelemetry is left out: its packages cannot be had');
      return undefined;
    }
  }
  const { MeterProvider, MetricReader } = createRequire(join(folder, 'x.js'))('@opentelemetry/sdk-metrics');
  // Without somebody to collect, nothing is counted.
  class Reader extends MetricReader {
    async onShutdown() {}
    async onForceFlush() {}
  }
  return new MeterProvider({ readers: [new Reader()] }).getMeter('bench').createCounter('requests');
}

/** Each body does EVENTS events; all take turns, the quickest round of each counts. */
function quickest(bodies) {
  const best = Object.fromEntries(Object.keys(bodies).map((name) => [name, Infinity]));
  for (let round = 0; round < ROUNDS; round++)
    for (const [name, body] of Object.entries(bodies)) {
      const start = performance.now();
      body();
      best[name] = Math.min(best[name], ((performance.now() - start) * 1e6) / EVENTS);
    }
  return best;
}

let sum = 0;

// Each has a loop of its own: one for all would call what differs, and be all that is measured.
const empty = {
  loop() {
    for (let i = 0; i < EVENTS; i++) sum += i;
  },
};

/** What an application pays that nobody looks at: measured before anything is attached to any event. */
function unattached() {
  const quiet = defineTracepoint('bench', 'quiet', NUMBERS);
  const best = quickest({
    ...empty,
    quiet() {
      for (let i = 0; i < EVENTS; i++) {
        sum += i;
        quiet.emit({ bytes: i * 40, id: i, code: i & 7, status: 200 });
      }
    },
  });
  return Math.max(0, best.quiet - best.loop);
}

async function measure() {
  const quiet = unattached();
  const host = openTraceHost();
  const { kernel } = host;
  const numbers = defineTracepoint('bench', 'numbers', NUMBERS);
  const text = defineTracepoint('bench', 'text', WITH_TEXT);
  const counted = defineTracepoint('bench', 'counted', WITH_TEXT);
  const nothing = program(kernel, 'r0 = 0\nexit');
  host.attach(numbers, { fd: nothing });
  host.attach(text, { fd: nothing });
  host.attach(counted, { fd: program(kernel, COUNTS) });
  host.attach('http:server_response_finish', { fd: nothing });
  const begins = channel('http.server.request.start');
  const ends = channel('http.server.response.finish');
  const otel = await counter();
  const report = numbers.emitter('bytes', 'id', 'code', 'status');
  const best = quickest({
    ...empty,
    numbers() {
      for (let i = 0; i < EVENTS; i++) numbers.emit({ bytes: i * 40, id: i, code: i & 7, status: 200 });
    },
    emitter() {
      for (let i = 0; i < EVENTS; i++) report(i * 40, i, i & 7, 200);
    },
    text() {
      for (let i = 0; i < EVENTS; i++) text.emit({ bytes: i * 40, id: i, status: 200, url: URLS[i & 3] });
    },
    counted() {
      for (let i = 0; i < EVENTS; i++) counted.emit({ bytes: i * 40, id: i, status: 200, url: URLS[i & 3] });
    },
    response() {
      for (let i = 0; i < EVENTS; i++) {
        const message = { request: { method: 'GET', url: URLS[i & 3] }, response: { statusCode: 200 } };
        begins.publish(message);
        ends.publish(message);
      }
    },
    ...(otel && {
      otel() {
        for (let i = 0; i < EVENTS; i++) otel.add(1, { url: URLS[i & 3], status: 200 });
      },
    }),
  });
  host.close();
  if (!(sum > 0)) throw new Error('the loop was not run');
  const net = Object.entries(best).map(([name, ns]) => [name, Math.max(0, ns - best.loop)]);
  return { ...Object.fromEntries(net), quiet };
}

const { quiet, numbers, emitter, text, counted, response, otel } = await measure();
const ns = (value) => `${value.toFixed(1)} ns`;
if (process.argv.includes('--json'))
  console.log(JSON.stringify({ quiet, numbers, emitter, text, counted, response, otel }));
else
  console.log(
    [
      `an event of this process that nobody listens to: ${ns(quiet)}`,
      `with four numbers, and the empty program attached: ${ns(numbers)}; by an emitter ${ns(emitter)}`,
      `with three numbers and a short text: ${ns(text)}`,
      `the same, counted by text and status in a map: ${ns(counted)}` +
        (otel === undefined
          ? ''
          : `; by an OpenTelemetry counter: ${ns(otel)}, ${(otel / counted).toFixed(1)} times as much`),
      `http:server_response_finish, from Node's two channels to the empty program, with its duration: ${ns(response)}`,
    ].join('\n'),
  );
