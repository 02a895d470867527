/** User ring buffers and dynptrs, compiled by clang: what programs find on both backends. */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { onBackends } from '../backends.ts';
import { errnoName } from '../../src/errors/index.ts';
import { UserRingbufWriter } from '../../src/events/index.ts';
import { loadCollectionSpec } from '../../src/loader/index.ts';
import type { BpfSys } from '../../src/sys/index.ts';
import { BPF_CMD } from '../../src/uapi/index.ts';
import { createMap, hex, lookup, nextKey, remove, take, u32, update } from '../behaviour/support.ts';

const bytes = new Uint8Array(readFileSync(new URL('drain.o', import.meta.url)));
const SIZE = 4096;

interface Drained {
  /** Run a program; what it returns. */
  run(name: string): number;
  /** The words of `found`. */
  found(): string;
  readonly writer: UserRingbufWriter;
  readonly mapFd: number;
}

function drained(sys: BpfSys, body: (drained: Drained) => void): void {
  using loaded = loadCollectionSpec(bytes, { file: 'drain.o' }).load(sys);
  const writer = UserRingbufWriter.open(sys, loaded.maps['from_user'].fd, SIZE);
  const bss = loaded.maps['.bss'];
  body({
    writer,
    mapFd: loaded.maps['from_user'].fd,
    run(name) {
      const attr = { progFd: loaded.programs[name].fd, dataIn: new Uint8Array(64), retval: 0 };
      expect(sys.bpf(BPF_CMD.PROG_TEST_RUN, attr)).toBe(0);
      return attr.retval | 0;
    },
    found() {
      const value = new Uint8Array(bss.valueSize);
      expect(lookup(sys, bss.fd, u32(0), value)).toBe('ok');
      return hex(value);
    },
  });
  writer.close();
}

onBackends('drain', {
  'records of all sizes': ({ sys, ledger }) => {
    drained(sys, ({ run, found, writer }) => {
      ledger('nothing', run('drain'));
      for (const size of [0, 1, 7, 8, 9, 100]) expect(writer.write(new Uint8Array(size).fill(size))).toBe(true);
      ledger('drained', [run('drain'), found()]);
      ledger('nothing again', [run('drain'), run('drain_silently'), run('drain_flags')]);
      expect(writer.write(u32(1, 0))).toBe(true);
      ledger('flags leave it there', [run('drain_flags'), run('drain_silently'), run('drain')]);
      expect(writer.write(u32(1, 0))).toBe(true);
      ledger('written to', [run('write_records'), found()]);
    });
  },

  'around the end, and full': ({ sys, ledger }) => {
    drained(sys, ({ run, found, writer }) => {
      let written = 0;
      while (writer.write(u32(1, 0, 0))) written++;
      ledger('records that fit', written);
      ledger('drained', [run('drain'), found()]);
      let total = 0;
      for (let i = 0; i < 1000; i++) {
        expect(writer.write(Uint8Array.from({ length: (i * 37) % 300 }, () => 1))).toBe(true);
        total += run('drain');
      }
      expect(total).toBe(1000);
      ledger('sums', found());
      expect(() => writer.write(new Uint8Array(SIZE))).toThrow(/E2BIG/);
    });
  },

  'records that cannot be': ({ sys, ledger }) => {
    for (const [what, header, position] of [
      ['busy', 0x80000008, 16],
      ['discarded', 0x40000008, 16],
      ['longer than what is written', 64, 16],
      ['longer than the ring', 8192, 16384],
      ['no multiple of 8', 4, 12],
    ] as const) {
      drained(sys, ({ run, mapFd }) => {
        const view = sys.mmap(mapFd, 2 * 4096, 4096);
        const words = new DataView(view.bytes.buffer, view.bytes.byteOffset);
        words.setUint32(4096, header, true);
        words.setUint32(0, position, true);
        ledger(what, [run('drain'), run('drain')].map((answer) => (answer < 0 ? errnoName(answer) : answer)));
        view.unmap();
      });
    }
  },

  'dynptrs of memory': ({ sys, ledger }) => {
    for (const name of ['of_memory', 'of_memory_flags', 'beyond_its_end']) {
      drained(sys, ({ run, found }) => ledger(name, [run(name), found()]));
    }
  },

  'commands and mappings': ({ sys, ledger }) => {
    const fd = createMap(sys, { mapType: 31, keySize: 0, valueSize: 0, maxEntries: SIZE });
    const none = new Uint8Array(0);
    ledger('elements', [lookup(sys, fd, none, u32(0)), update(sys, fd, none, u32(0)), remove(sys, fd, none), nextKey(sys, fd), take(sys, fd, none, u32(0))]);
    const map = (length: number, offset: number): string => {
      try {
        sys.mmap(fd, length, offset).unmap();
        return 'ok';
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    ledger('mappings', [map(4096, 4096), map(8192, 4096), map(4096, 0)]);
  },
});
