/** BTF_LOAD: what a blob must be, its log and who may, on both backends. */
import { onBackends } from '../backends.ts';
import type { BpfSys, BtfLoadAttr } from '../../src/sys/index.ts';
import { BPF_CMD } from '../../src/uapi/index.ts';
import { INT, NO_CAPS, btfBlob, cap, filled, outcome, u32 } from './support.ts';
import type { BtfParts } from './support.ts';

const loaded = (sys: BpfSys, btf: Uint8Array, attr: Partial<BtfLoadAttr> = {}): string =>
  outcome(sys, sys.bpf(BPF_CMD.BTF_LOAD, { btf, ...attr }));

const BLOBS: Record<string, BtfParts> = {
  'one integer': {},
  'no types': { types: new Uint8Array() },
  'no strings': { strings: '' },
  'strings that do not begin with NUL': { strings: 'int\0' },
  'strings that do not end with NUL': { strings: '\0int' },
  'another magic': { magic: 0x1234 },
  'big-endian': { magic: 0x9feb },
  'version 2': { version: 2 },
  flags: { flags: 1 },
  'a shorter header': { headerSize: 20 },
  'a longer header': { headerSize: 28 },
  'a byte behind': { tail: Uint8Array.of(1) },
  'a gap before the strings': { stringsOffset: 20 },
  'types cut off': { typesLength: 12 },
  'types that do not start at a word': { typesOffset: 2 },
  'an unknown kind': { types: u32(0, 25 << 24, 4) },
  'a name outside': { types: u32(99, 1 << 24, 4, 32) },
  'a reference outside': { types: u32(0, 2 << 24, 9) },
  'a typedef of itself': { types: u32(1, 8 << 24, 1) },
  'two typedefs of each other': { types: Uint8Array.from([...u32(1, 8 << 24, 2), ...u32(1, 8 << 24, 1)]) },
  'a pointer to itself': { types: u32(0, 2 << 24, 1) },
  'a struct in itself': { types: u32(1, (4 << 24) | 1, 4, 1, 1, 0) },
  'an integer of more bits than bytes': { types: u32(1, 1 << 24, 4, 64) },
  'an array of itself': { types: Uint8Array.from([...INT, ...u32(0, 3 << 24, 0, 2, 1, 2)]) },
  'a hundred times const': {
    types: Uint8Array.from(
      Array.from({ length: 100 }, (_, i) => [...u32(0, 10 << 24, i ? i + 2 : 2)])
        .flat()
        .concat([...INT]),
    ),
  },
  'a struct with a member behind its end': { types: Uint8Array.from([...INT, ...u32(1, (4 << 24) | 1, 4, 1, 1, 32)]) },
};

onBackends('btf-load', {
  blobs: ({ sys, ledger }) => {
    for (const [name, parts] of Object.entries(BLOBS)) ledger(name, loaded(sys, btfBlob(parts)));
    for (const size of [0, 1, 10, 23, 24, 40]) ledger(`${size} bytes of one`, loaded(sys, btfBlob().slice(0, size)));
    ledger('16 MiB of zeros', loaded(sys, new Uint8Array(16 << 20)));
    ledger('more than 16 MiB', loaded(sys, new Uint8Array((16 << 20) + 1)));
  },

  'arguments of the log': ({ sys, ledger }) => {
    const good = btfBlob();
    const ask = (btfLogLevel: number | undefined, size: number | undefined) =>
      loaded(sys, good, { btfLogLevel, btfLogBuf: size === undefined ? undefined : filled(size, 0xee) });
    ledger('no level', ask(undefined, 200));
    ledger('no buffer', ask(1, undefined));
    for (const level of [1, 2, 4, 8, 15, 16, 0xffffffff]) ledger(`level ${level}`, ask(level, 4096));
    const broken = { btfLogLevel: 1, btfLogBuf: filled(4096, 0xee) };
    ledger('a refused blob with room for the reason', loaded(sys, btfBlob({ tail: Uint8Array.of(1) }), broken));
    ledger(
      'a refused blob without',
      loaded(sys, btfBlob({ tail: Uint8Array.of(1) }), { btfLogLevel: 1, btfLogBuf: filled(4, 1) }),
    );
  },

  'who may': ({ withCaps, ledger }) => {
    for (const [who, held] of Object.entries({
      nobody: NO_CAPS,
      CAP_BPF: cap('BPF'),
      CAP_SYS_ADMIN: cap('SYS_ADMIN'),
    })) {
      withCaps(held, (sys) => {
        ledger(who, [
          loaded(sys, btfBlob()),
          loaded(sys, btfBlob({ magic: 1 })),
          loaded(sys, btfBlob(), { btfLogLevel: 16, btfLogBuf: filled(9, 0) }),
        ]);
      });
    }
  },
});
