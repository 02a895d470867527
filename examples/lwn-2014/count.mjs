#!/usr/bin/env node
/**
 * The example of "Extending extended BPF" (LWN, July 2014): a map of two entries, for TCP and UDP; a program on a packet socket
 * that increments them; and this user program, which reads the counts.
 *
 *     npm run example:lwn-2014                                  over a bundled capture
 *     npm run example:lwn-2014 -- --iface lo [--seconds N]      live, every second (Linux, root)
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { assemble } from 'skep/asm';
import { encode } from 'skep/isa';
import { BPF_PROG_TYPE_SOCKET_FILTER, openLwn2014, SO_ATTACH_FILTER_EBPF, SOL_SOCKET } from 'skep/lwn2014';
import { openPacketSocket } from 'skep/node';
import { program } from './program.mjs';

const MAP_ID = 1;
const PROG_ID = 1;
const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;
const CAPTURE = fileURLToPath(new URL('../count-by-protocol/traffic.pcap', import.meta.url));

const options = readOptions();
const seconds = Number(options.seconds ?? Infinity);
if (!(seconds > 0)) fail(`--seconds ${options.seconds}: no number of seconds`);

const system = openLwn2014({ printk: (line) => console.error(line) });
const { bpf_create_map, bpf_update_elem, bpf_lookup_elem, bpf_prog_load } = system;

function readOptions() {
  try {
    return parseArgs({ options: { iface: { type: 'string' }, seconds: { type: 'string' } } }).values;
  } catch (error) {
    return fail(error.message);
  }
}

/** What a call answered. -errno is the end. */
function check(what, answer) {
  if (answer < 0) fail(`${what}: error ${-answer}`);
  return answer;
}

function fail(why) {
  console.error(`lwn-2014: ${why}`);
  process.exit(1);
}

check('bpf_create_map', bpf_create_map(MAP_ID, 4, 8, 2));
for (const protocol of [IPPROTO_TCP, IPPROTO_UDP])
  check('bpf_update_elem', bpf_update_elem(MAP_ID, Uint32Array.of(protocol), BigUint64Array.of(0n)));

const insns = encode(assemble(program).insns);
check('bpf_prog_load', bpf_prog_load(PROG_ID, BPF_PROG_TYPE_SOCKET_FILTER, insns, insns.length, 'GPL'));

const socket = await openPacketSocket(
  options.iface === undefined ? { capture: CAPTURE } : { iface: options.iface },
).catch((error) => fail(error.message));
check('setsockopt', system.setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER_EBPF, PROG_ID));

function count(protocol) {
  const value = new BigUint64Array(1);
  check('bpf_lookup_elem', bpf_lookup_elem(MAP_ID, Uint32Array.of(protocol), value));
  return value[0];
}

const print = () => console.log(`TCP ${count(IPPROTO_TCP)} UDP ${count(IPPROTO_UDP)} packets`);

if (options.iface !== undefined) {
  let printed = 0;
  const timer = setInterval(() => {
    print();
    if (++printed >= seconds) socket.close();
  }, 1000);
  process.once('SIGINT', () => socket.close());
  await socket.drain();
  clearInterval(timer);
} else {
  await socket.drain();
  print();
  socket.close();
}
