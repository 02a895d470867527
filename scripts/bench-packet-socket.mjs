// What a packet costs a packet socket, in processor time of this process: live on lo, in a network namespace of its own, and
// from a capture. Called by scripts/bench.mjs; prints one sentence a figure.
import { execFile, execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createKernel } from '../dist/kernel/index.js';
import { loadCollectionSpec } from '../dist/loader/index.js';
import { attachSocketFilter, openPacketSocket } from '../dist/node/index.js';
import { encodePcap } from '../dist/pcap/index.js';

const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));
const spec = loadCollectionSpec(readFileSync(path('examples/count-by-protocol/count.bpf.o')));
const ROUNDS = 3;
const LIVE = 500_000;
/** A second. */
const RATE = 500_000;
const CAPTURED = 1_000_000;
const CLONE_NEWNET = 0x40000000;
const thousands = (number) => Math.round(number).toLocaleString('en');

/** @returns why there are no live packets; undefined: there are */
async function enterNamespace() {
  if (process.platform !== 'linux') return `this is ${process.platform}`;
  const koffi = await import('koffi').then((module) => module.default).catch(() => undefined);
  if (koffi === undefined) return 'the package koffi is not installed';
  if (koffi.load(null).func('int unshare(int flags)')(CLONE_NEWNET) !== 0) return 'it needs root';
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
  return undefined;
}

/** A source of packets as fast as it can, and a taker. @returns nanoseconds of processor a packet, and the socket's statistics */
async function measure(options, packets, attach, start) {
  const socket = await openPacketSocket(options);
  const collection = spec.load(createKernel());
  if (attach) attachSocketFilter(socket, collection.programs.count);
  const before = process.cpuUsage();
  const started = start?.();
  await socket.drain({ packets, signal: AbortSignal.timeout(20_000) });
  const { user, system } = process.cpuUsage(before);
  const counted = [...collection.maps.counts].reduce((sum, [, { packets }]) => sum + packets, 0);
  const { received, droppedByKernel } = socket.stats;
  if (attach && counted !== received) throw new Error(`the filter counted ${counted} of ${received} packets`);
  socket.close();
  collection.close();
  return { cost: ((user + system) * 1000) / received, received, droppedByKernel, rate: Number(await started) };
}

/** The cheapest of some rounds, and what was dropped in all of them. */
async function best(...args) {
  let cheapest;
  let dropped = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const result = await measure(...args);
    dropped += result.droppedByKernel;
    if (!(cheapest?.cost < result.cost)) cheapest = result;
  }
  return { ...cheapest, dropped };
}

const flood = () =>
  new Promise((resolve, reject) =>
    execFile(process.execPath, [path('scripts/flood.mjs'), String(LIVE), String(RATE)], (error, out) =>
      error ? reject(error) : resolve(out),
    ),
  );

async function live() {
  const why = await enterNamespace();
  if (why !== undefined) return console.log(`packet socket on lo: left out, ${why}`);
  const plain = await best({ iface: 'lo' }, LIVE, false, flood);
  const counting = await best({ iface: 'lo' }, LIVE, true, flood);
  console.log(
    `packet socket on lo, UDP of 64 bytes at ${thousands(counting.rate)} packets a second: ` +
      `${counting.cost.toFixed(0)} ns a packet through an eBPF filter that counts in a map, ${plain.cost.toFixed(0)} ns without; ` +
      `${thousands(plain.dropped + counting.dropped)} of ${thousands(2 * ROUNDS * LIVE)} dropped`,
  );
}

async function captured() {
  const frame = new Uint8Array(106);
  frame.set([8, 0, 0x45, 0, 0, 92, 0, 1, 0, 0, 64, 17], 12);
  const records = Array.from({ length: CAPTURED }, (_, i) => ({ data: frame, seconds: i, nanoseconds: 0 }));
  const file = encodePcap(records, { linkType: 1 });
  const pieces = async function* () {
    for (let at = 0; at < file.length; at += 1 << 18) yield file.subarray(at, at + (1 << 18));
  };
  const { cost } = await measure({ capture: pieces() }, Infinity, true);
  console.log(`a capture of ${thousands(CAPTURED)} packets through the same filter: ${cost.toFixed(0)} ns a packet`);
}

await captured();
await live();
