/** Ids, descriptors by id, info structs and who keeps whom alive, on both backends. */
import { expect } from 'vitest';
import { onBackends } from '../backends.ts';
import { errnoName } from '../../src/errors/index.ts';
import type { BpfSys, ObjInfoAttr } from '../../src/sys/index.ts';
import { BPF_BTF_INFO, BPF_CMD, BPF_MAP_INFO, BPF_PROG_INFO, MAP_FLAG, MAP_TYPE } from '../../src/uapi/index.ts';
import type { StructLayout } from '../../src/uapi/index.ts';
import {
  NO_CAPS,
  answer,
  btfBlob,
  cap,
  createMap,
  filled,
  freeze,
  hex,
  load,
  loadBtf,
  loadsMap,
  lookup,
  outcome,
  u32,
  update,
} from './support.ts';

const GET_NEXT = { prog: BPF_CMD.PROG_GET_NEXT_ID, map: BPF_CMD.MAP_GET_NEXT_ID, btf: BPF_CMD.BTF_GET_NEXT_ID };
const GET_FD = { prog: BPF_CMD.PROG_GET_FD_BY_ID, map: BPF_CMD.MAP_GET_FD_BY_ID, btf: BPF_CMD.BTF_GET_FD_BY_ID };
const KINDS = ['prog', 'map', 'btf'] as const;
const LAYOUTS = { prog: BPF_PROG_INFO, map: BPF_MAP_INFO, btf: BPF_BTF_INFO } satisfies Record<string, StructLayout>;

type Kind = (typeof KINDS)[number];

function info(
  sys: BpfSys,
  bpfFd: number,
  size: number,
  attr: Partial<ObjInfoAttr> = {},
): ObjInfoAttr & { result: string } {
  const full = { bpfFd, info: new Uint8Array(size), ...attr };
  const result = answer(sys.bpf(BPF_CMD.OBJ_GET_INFO_BY_FD, full));
  return { ...full, result };
}

/** A 32-bit field of an info struct. */
function word(kind: Kind, bytes: Uint8Array, field: string): number {
  const [at] = (LAYOUTS[kind].fields as StructLayout['fields'])[field];
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true);
}

const idOf = (sys: BpfSys, kind: Kind, fd: number): number => word(kind, info(sys, fd, LAYOUTS[kind].size).info, 'id');

const fdById = (sys: BpfSys, kind: Kind, id: number, openFlags = 0): number => sys.bpf(GET_FD[kind], { id, openFlags });

const make: Record<Kind, (sys: BpfSys) => number> = {
  prog: (sys) => load(sys),
  map: (sys) => createMap(sys),
  btf: (sys) => loadBtf(sys),
};

/** The struct with what differs from run to run, and what only a native JIT has, taken out. */
function steady(kind: Kind, bytes: Uint8Array): string {
  const out = bytes.slice();
  const { fields } = LAYOUTS[kind] as StructLayout;
  const varies = [
    'id',
    'btf_id',
    'load_time',
    'created_by_uid',
    'jited_prog_len',
    'nr_jited_ksyms',
    'nr_jited_func_lens',
  ];
  for (const field of varies) {
    if (fields[field] !== undefined) out.fill(0, fields[field][0], fields[field][0] + fields[field][1]);
  }
  return hex(out);
}

onBackends('objects', {
  'ids grow, are found in order, and lead to descriptors': ({ sys }) => {
    for (const kind of KINDS) {
      const fds = [make[kind](sys), make[kind](sys), make[kind](sys)];
      const ids = fds.map((fd) => idOf(sys, kind, fd));
      expect(ids[0] > 0 && ids[0] < ids[1] && ids[1] < ids[2]).toBe(true);
      const attr = { startId: ids[0], nextId: 0 };
      expect(sys.bpf(GET_NEXT[kind], attr)).toBe(0);
      expect(attr.nextId > ids[0] && attr.nextId <= ids[1]).toBe(true);
      const again = fdById(sys, kind, ids[1]);
      expect(idOf(sys, kind, again)).toBe(ids[1]);
      sys.close(again);
      sys.close(fds[1]);
      if (kind === 'map') return; // Linux frees a map's id only after a grace period
      expect(answer(fdById(sys, kind, ids[1]))).toBe('ENOENT');
    }
  },

  'arguments of ids': ({ sys, withCaps, ledger }) => {
    for (const kind of KINDS) {
      const id = idOf(sys, kind, make[kind](sys));
      const next = (startId: number) => answer(sys.bpf(GET_NEXT[kind], { startId }));
      ledger(`${kind}: start`, [next(0x7ffffffe), next(0x7fffffff), next(0xffffffff)]);
      ledger(
        `${kind}: no such id`,
        [0, 0x7fffffff, 0xffffffff].map((wrong) => outcome(sys, fdById(sys, kind, wrong))),
      );
      for (const flags of [0, 1, 8, 16, 24, 128])
        ledger(`${kind}: flags ${flags}`, outcome(sys, fdById(sys, kind, id, flags)));
      for (const [who, held] of Object.entries({ CAP_BPF: cap('BPF'), CAP_SYS_ADMIN: cap('SYS_ADMIN') })) {
        withCaps(held, (limited) => {
          const start = (startId: number) => answer(limited.bpf(GET_NEXT[kind], { startId }));
          ledger(`${kind}, ${who}: next`, [start(0x7fffffff), start(id - 1)]);
          ledger(`${kind}, ${who}: descriptor`, [
            outcome(limited, fdById(limited, kind, id)),
            outcome(limited, fdById(limited, kind, id, 1)),
            outcome(limited, fdById(limited, kind, 0x7fffffff)),
          ]);
        });
      }
    }
  },

  'what a descriptor by id allows': ({ sys, ledger }) => {
    for (const mapFlags of [0, MAP_FLAG.RDONLY, MAP_FLAG.WRONLY]) {
      const id = idOf(sys, 'map', createMap(sys, { mapFlags }));
      for (const openFlags of [0, MAP_FLAG.RDONLY, MAP_FLAG.WRONLY]) {
        const fd = fdById(sys, 'map', id, openFlags);
        ledger(`map ${mapFlags}, descriptor ${openFlags}`, [
          update(sys, fd, u32(0), filled(8, 1)),
          lookup(sys, fd, u32(0), filled(8, 0)),
          info(sys, fd, BPF_MAP_INFO.size).result,
          outcome(sys, load(sys, { insns: loadsMap(fd) })),
          freeze(sys, fd),
        ]);
      }
    }
  },

  'a program keeps its maps, a map its BTF': ({ sys }) => {
    const btfFd = loadBtf(sys);
    const mapFd = createMap(sys, { valueSize: 4, btfFd, btfKeyTypeId: 1, btfValueTypeId: 1 });
    const [btf, map] = [idOf(sys, 'btf', btfFd), idOf(sys, 'map', mapFd)];
    const prog = load(sys, { insns: loadsMap(mapFd) });
    expect(prog).toBeGreaterThan(2);
    sys.close(btfFd);
    sys.close(mapFd);
    for (const [kind, id] of [
      ['map', map],
      ['btf', btf],
    ] as const)
      expect(outcome(sys, fdById(sys, kind, id))).toBe('ok');
    const reopened = fdById(sys, 'map', map);
    expect(update(sys, reopened, u32(0), u32(1))).toBe('ok');
    const shown = info(sys, reopened, BPF_MAP_INFO.size).info;
    expect(['btf_id', 'btf_key_type_id', 'btf_value_type_id'].map((f) => word('map', shown, f))).toEqual([btf, 1, 1]);
  },

  'info of a map': ({ sys, ledger }) => {
    const fd = createMap(sys, {
      mapType: MAP_TYPE.HASH,
      keySize: 5,
      mapName: 'my_map',
      mapFlags: MAP_FLAG.NO_PREALLOC,
    });
    for (const size of [4, 20, 44, 100, 104, 120]) {
      const { result, info: bytes, infoLen } = info(sys, fd, size);
      ledger(`${size} bytes`, [
        result,
        infoLen ?? 0,
        steady(
          'map',
          Uint8Array.from({ length: 128 }, (_, i) => bytes[i] ?? 0),
        ),
      ]);
    }
  },

  'info of BTF': ({ sys, ledger }) => {
    const fd = loadBtf(sys);
    const blob = btfBlob();
    for (const size of [8, 16, 28, 32, 40]) {
      const { result, info: bytes, infoLen } = info(sys, fd, size);
      ledger(`${size} bytes`, [
        result,
        infoLen ?? 0,
        steady(
          'btf',
          Uint8Array.from({ length: 40 }, (_, i) => bytes[i] ?? 0),
        ),
      ]);
    }
    for (const room of [10, blob.length, 200]) {
      const btf = filled(room, 0xcc);
      const { result, info: bytes } = info(sys, fd, 32, { buffers: { btf } });
      ledger(`room for ${room}`, [result, word('btf', bytes, 'btf_size'), hex(btf)]);
    }
    const name = filled(4, 0xcc);
    ledger('name', [info(sys, fd, 32, { buffers: { name } }).result, hex(name)]);
    const asks = (at: number): string => {
      const bytes = new Uint8Array(32);
      bytes[at] = 10;
      return info(sys, fd, 32, { info: bytes }).result;
    };
    ledger('room without a buffer', [asks(8), asks(24)]);
  },

  'info of a program': ({ sys, withCaps, ledger }) => {
    const map = createMap(sys);
    const fd = load(sys, { insns: loadsMap(map), progName: 'my_prog' });
    for (const size of [4, 40, 200, 232, 240]) {
      const { result, info: bytes, infoLen } = info(sys, fd, size);
      ledger(`${size} bytes`, [
        result,
        infoLen ?? 0,
        steady(
          'prog',
          Uint8Array.from({ length: 240 }, (_, i) => bytes[i] ?? 0),
        ),
      ]);
    }
    withCaps(NO_CAPS, (limited) => ledger('without CAP_BPF', steady('prog', info(limited, fd, 232).info)));
    const mapId = idOf(sys, 'map', map);
    for (const room of [4, 8, 20]) {
      const mapIds = filled(room, 0xcc);
      const { result, info: bytes } = info(sys, fd, 232, { buffers: { mapIds } });
      expect([result, word('prog', bytes, 'nr_map_ids'), hex(mapIds)]).toEqual([
        'ok',
        1,
        hex(u32(mapId)) + 'cc'.repeat(room - 4),
      ]);
    }
    const xlatedProgInsns = filled(64, 0xcc);
    const progTags = filled(8, 0xcc);
    const { info: bytes } = info(sys, fd, 232, { buffers: { xlatedProgInsns, progTags } });
    expect(hex(xlatedProgInsns)).toBe(hex(loadsMap(mapId)) + 'cc'.repeat(32));
    expect(hex(progTags)).toBe(hex(bytes.subarray(8, 16)));
    const asks = (field: string): string => {
      const given = new Uint8Array(232);
      given[(BPF_PROG_INFO.fields as StructLayout['fields'])[field][0]] = 9;
      return info(sys, fd, 232, { info: given }).result;
    };
    for (const field of [
      'nr_map_ids',
      'xlated_prog_len',
      'nr_prog_tags',
      'nr_func_info',
      'nr_line_info',
      'nr_jited_line_info',
      'func_info_rec_size',
      'line_info_rec_size',
      'jited_line_info_rec_size',
      'btf_id',
      'run_cnt',
    ])
      ledger(`${field} of 9 without a buffer`, asks(field));
  },

  'tags of programs': ({ sys, ledger }) => {
    const map = createMap(sys, { maxEntries: 1 });
    for (const [source, offset] of [
      [1, 0],
      [2, 4],
    ]) {
      const fd = load(sys, { insns: loadsMap(map, source, offset) });
      ledger(`map load of source ${source}`, hex(info(sys, fd, 16).info.subarray(8)));
    }
    for (const [source, offset] of [
      [5, 0],
      [6, 4],
    ]) {
      const fd = load(sys, { insns: loadsMap(0, source, offset), fdArray: [map] });
      ledger(`map load of source ${source}`, hex(info(sys, fd, 16).info.subarray(8)));
    }
  },

  'arguments of info': ({ sys, ledger }) => {
    const fd = createMap(sys);
    const dirty = new Uint8Array(140);
    dirty[130] = 1;
    ledger('closed', info(sys, 999, 104).result);
    ledger('a page', info(sys, fd, 4096).result);
    ledger('more than a page', info(sys, fd, 4097).result);
    ledger('something behind the struct', info(sys, fd, 140, { info: dirty }).result);
  },

  'hash of a frozen array': ({ sys, ledger }) => {
    const ask = (attr: Parameters<typeof createMap>[1], froze: boolean, size = 32): string[] => {
      const fd = createMap(sys, attr);
      if (attr?.mapType !== MAP_TYPE.HASH) update(sys, fd, u32(1), filled(attr?.valueSize ?? 8, 5));
      if (froze) freeze(sys, fd);
      const hash = filled(size, 0xcc);
      return [info(sys, fd, 104, { buffers: { hash } }).result, hex(hash)];
    };
    ledger('not frozen', ask({}, false));
    ledger('frozen', ask({}, true));
    ledger('frozen, padded values', ask({ valueSize: 5, maxEntries: 3 }, true));
    ledger('another size', [...ask({}, true, 16), ...ask({}, true, 64)]);
    ledger('a hash', ask({ mapType: MAP_TYPE.HASH }, true));
  },

  'a closed number answers EBADF everywhere': ({ sys }) => {
    const fd = createMap(sys);
    sys.close(fd);
    expect([lookup(sys, fd, u32(0), filled(8, 0)), freeze(sys, fd)]).toEqual(['EBADF', 'EBADF']);
    expect(errnoName(load(sys, { insns: loadsMap(fd) }))).toBe('EBADF');
  },
});
