/** Storage that belongs to a place or to a socket: each test run has a new one, which all its repetitions share. */
import { MAP_FLAG } from '../../../../src/uapi/index.ts';
import { FP } from '../../verifier/emitter.ts';
import type { Fragment, Generator } from '../../verifier/generator.ts';
import { note } from '../note.ts';
import { ARGUMENTS, idOf, mapNamed, mayCall, whileFound } from './held.ts';

/** Loads and stores of a value of 16 bytes. */
function use(g: Generator, value: number): void {
  const { e, r } = g;
  for (let n = 1 + r.below(3); n > 0; n--) {
    const off = 8 * r.below(2);
    if (g.chance(40)) e.store(8, value, off, g.number());
    else if (g.chance(40)) e.atomic(8, r.pick([0, 1]), value, off, g.number());
    else {
      const dst = g.target();
      e.load(r.pick([1, 2, 4, 8]), dst, value, off);
      g.isNumber(dst);
      note(g, dst);
    }
  }
}

function ofCgroup(g: Generator): void {
  const { e, r } = g;
  const type = r.pick(['cgroup_storage', 'percpu_cgroup_storage']);
  const map = mapNamed(g, { type, key_size: r.pick([8, 16]), value_size: 16, max_entries: 0, name: type });
  e.map(1, map);
  e.mov(2, 0);
  g.call(idOf('get_local_storage'));
  const value = g.scratch(true);
  e.copy(value, 0);
  g.isNothing(0);
  use(g, value);
  g.release(value);
}

/** Offset of `sk` in `__sk_buff`. */
const SK = 168;
const SK_STORAGE = {
  type: 'sk_storage',
  key_size: 4,
  value_size: 16,
  max_entries: 0,
  map_flags: MAP_FLAG.NO_PREALLOC,
  fields: 'u64@0,u64@8',
  name: 'of_socket',
};

function ofSocket(g: Generator): void {
  const { e, r } = g;
  const map = mapNamed(g, SK_STORAGE);
  e.load(8, 0, 6, SK);
  whileFound(g, (sk) => {
    const initial = g.chance(50) ? g.slot(16, 8) : undefined;
    if (initial !== undefined) for (const at of [0, 8]) e.storeImm(8, FP, initial + at, g.imm());
    const get = (flags: number): void => {
      e.map(1, map);
      e.copy(2, sk);
      if (initial === undefined) e.mov(3, 0);
      else {
        e.copy(3, FP);
        e.add(3, initial);
      }
      e.mov(4, flags);
      g.call(idOf('sk_storage_get'));
      whileFound(g, (value) => use(g, value));
    };
    get(r.pick([0, 1, 1, 1, 2, 3]));
    if (g.chance(40)) {
      e.map(1, map);
      e.copy(2, sk);
      g.call(idOf('sk_storage_delete'));
      g.isNumber(0);
      note(g, 0);
    }
    if (g.chance(40)) get(r.pick([0, 1]));
  });
}

const hasSocket = ({ around }: Generator): boolean =>
  around.pointers.some(({ off, pointer }) => off === SK && pointer !== undefined);

export const storages: readonly Fragment[] = [
  {
    name: 'storage of a cgroup',
    weight: 6,
    fits: (g) => !(g.busy & ARGUMENTS) && mayCall(g, 'get_local_storage'),
    write: ofCgroup,
  },
  {
    name: 'storage of a socket',
    weight: 3,
    fits: (g) => g.hasCtx && !(g.busy & ARGUMENTS) && hasSocket(g) && mayCall(g, 'sk_storage_get', 'sk_storage_delete'),
    write: ofSocket,
  },
];
