/** The small programs of the benchmark: what they return in two runs, and what they make of the packet, on both backends. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { onBackends } from '../backends.ts';
import { loadCollectionSpec } from '../../src/loader/index.ts';

const folder = new URL('../../bench/micro/', import.meta.url);
const read = (url: URL): Uint8Array => new Uint8Array(readFileSync(url));
const objects = readdirSync(folder).filter((file) => file.endsWith('.o'));

function packetOf(object: string): Uint8Array {
  const own = new URL(object.replace(/o$/, 'bin'), folder);
  return read(existsSync(own) ? own : new URL('../packet.bin', folder));
}

onBackends('micro', {
  'small programs have the same results': ({ sys, ledger }) => {
    for (const object of objects) {
      using loaded = loadCollectionSpec(read(new URL(object, folder)), { file: object }).load(sys);
      const data = packetOf(object);
      const runs = [1, 2].map(() => {
        const { retval, dataOut = data } = loaded.programs.prog.run({ data, dataOut: true });
        return `${retval} ${createHash('sha256').update(dataOut).digest('hex').slice(0, 8)}`;
      });
      ledger(object, runs);
    }
  },
});
