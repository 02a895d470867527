import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ERRNO } from '../errors/index.ts';
import { BPF_CMD, MAP_TYPE } from '../uapi/index.ts';
import { FakeSys } from '../../test/support/fake-sys.ts';
import { LiveMap, loadCollectionSpec } from './index.ts';
import type { MapShape } from './index.ts';

const bytes = new Uint8Array(readFileSync(new URL('../../test/objects/maps.o', import.meta.url)));

function live(name: string, sys = new FakeSys()) {
  return loadCollectionSpec(bytes, { file: 'maps.o' }).load(sys).maps[name];
}

function untyped(shape: Partial<MapShape>): LiveMap {
  const sys = new FakeSys();
  const whole = {
    name: 'm',
    type: MAP_TYPE.HASH,
    keySize: 4,
    valueSize: 4,
    maxEntries: 100,
    flags: 0,
    keyType: 0,
    valueType: 0,
    ...shape,
  };
  const fd = sys.bpf(BPF_CMD.MAP_CREATE, {
    mapType: whole.type,
    keySize: whole.keySize,
    valueSize: whole.valueSize,
    maxEntries: whole.maxEntries,
  });
  return new LiveMap(sys, fd, whole);
}

describe('with BTF', () => {
  const counts = live('counts').as<number, { packets: number; bytes: number }>();

  it('get, set, has, delete, take', () => {
    expect(counts.get(6)).toBeUndefined();
    expect(counts.set(6, { packets: 2, bytes: 120 }).get(6)).toEqual({ packets: 2, bytes: 120 });
    expect(counts.lookup(6)).toEqual(counts.get(6));
    expect([counts.has(6), counts.has(17)]).toEqual([true, false]);
    expect([counts.delete(6), counts.delete(6)]).toEqual([true, false]);
    expect(counts.update(6, { packets: 1, bytes: 2 }).take(6)).toEqual({ packets: 1, bytes: 2 });
    expect(counts.take(6)).toBeUndefined();
  });

  it('bytes are taken too', () => {
    counts.set(Uint8Array.of(1, 0, 0, 0), Uint8Array.of(...Array<number>(15).fill(0), 1));
    expect(counts.getBytes(1)?.[15]).toBe(1);
    expect(counts.get(1)).toEqual({ packets: 0, bytes: 2n ** 56n });
    expect(() => counts.get(Uint8Array.of(1))).toThrow('1 bytes where 4 are wanted');
    counts.delete(1);
  });

  it('entries are decoded', () => {
    for (const key of [6, 17, 1]) counts.set(key, { packets: key, bytes: key * 100 });
    const seen: string[] = [];
    for (const [protocol, value] of counts) seen.push(`${protocol} ${value.packets} ${value.bytes}`);
    expect(seen).toEqual(['6 6 600', '17 17 1700', '1 1 100']);
    expect([...counts.keys()]).toEqual([6, 17, 1]);
    expect([...counts.values()][2]).toEqual({ packets: 1, bytes: 100 });
    expect([...counts.entries()]).toEqual([...counts]);
  });

  it('a member called bytes wins over the bytes', () => {
    const value = counts.get(6) as Record<string, unknown> | undefined;
    expect(value?.bytes).toBe(600);
  });

  it('other structs have their bytes, unseen', () => {
    const everything = live('everything');
    everything.set(0, { u8: 7 });
    const value = everything.get(0);
    expect(value?.bytes).toBeInstanceOf(Uint8Array);
    expect(value?.bytes).toHaveLength(144);
    expect(Object.keys(value ?? {})).not.toContain('bytes');
    everything.set(1, { ...value });
    expect(everything.getBytes(1)).toEqual(everything.getBytes(0));
  });

  it('keys by name and by struct', () => {
    const pinned = live('pinned').as<string, string>();
    pinned.set('GREEN', 'leaf');
    expect([...pinned]).toEqual([['GREEN', 'leaf']]);
    expect(() => pinned.get('PURPLE')).toThrow('enum color wants an integer');
  });
});

describe('per-CPU maps', () => {
  it('hold one value for each CPU', () => {
    const map = live('per_cpu').as<{ x: number; y: number }, number[]>();
    expect(map.perCpu).toBe(true);
    map.set({ x: 1, y: 2 }, [5, 2 ** 40]);
    expect([...map]).toEqual([[expect.objectContaining({ x: 1, y: 2 }), [5, 2 ** 40]]]);
    expect(() => map.set({ x: 1, y: 2 }, [5])).toThrow('a per-CPU value is an array of 2');
  });

  it('each rounded up to 8 bytes', () => {
    const map = untyped({ type: MAP_TYPE.PERCPU_HASH, valueSize: 12 });
    const value = Uint8Array.from({ length: 32 }, (_, i) => i);
    map.set(1, value);
    expect(map.getBytes(1)).toEqual(value);
    expect(map.get(1)).toEqual([{ bytes: value.subarray(0, 12) }, { bytes: value.subarray(16, 28) }]);
  });
});

describe('without BTF', () => {
  it('keys and values are objects with bytes; integers are taken', () => {
    const map = untyped({});
    map.set(0x01020304, -1n as never);
    const [[key, value]] = map;
    expect(key).toEqual({ bytes: Uint8Array.of(4, 3, 2, 1) });
    expect(value).toEqual({ bytes: Uint8Array.of(255, 255, 255, 255) });
    expect(map.get(key)).toEqual(value);
    expect(() => map.get(2 ** 32)).toThrow('does not fit in 4 bytes');
    expect(() => map.get('x')).toThrow(TypeError);
  });

  it('an array is indexed by number', () => {
    const map = untyped({ type: MAP_TYPE.ARRAY });
    map.set(3, Uint8Array.of(1, 2, 3, 4));
    expect([...map.keys()]).toEqual([3]);
  });
});

describe('walks while others change the map', () => {
  it('leave out what was deleted', () => {
    const map = untyped({});
    for (let i = 0; i < 5; i++) map.set(i, Uint8Array.of(i, 0, 0, 0));
    const seen: number[] = [];
    for (const [, value] of map) {
      const first = (value.bytes as Uint8Array)[0];
      seen.push(first);
      if (first === 1) for (const key of [1, 2, 3]) map.delete(key);
    }
    expect(seen).toEqual([0, 1, 4]);
  });

  it('end when keys vanish between two steps, each key once', () => {
    let steps = 0;
    const sys: FakeSys = new FakeSys((cmd, attr) => {
      // After the third key, the one it is given has gone: the walk starts again.
      if (cmd === BPF_CMD.MAP_GET_NEXT_KEY && ++steps === 4) (attr as { key?: Uint8Array }).key = undefined;
      return undefined;
    });
    const map = live('counts', sys).as<number, object>();
    for (let key = 0; key < 6; key++) map.set(key, {});
    expect([...map.keys()]).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('end when they are thrown back for ever', () => {
    const sys = new FakeSys((cmd, attr) => {
      if (cmd === BPF_CMD.MAP_GET_NEXT_KEY) (attr as { key?: Uint8Array }).key = undefined;
      return undefined;
    });
    const map = live('counts', sys).as<number, object>();
    for (let key = 0; key < 6; key++) map.set(key, {});
    expect([...map.keys()]).toEqual([0]);
  });
});

it('errors name the map and the command', () => {
  const sys = new FakeSys((cmd) => (cmd === BPF_CMD.MAP_UPDATE_ELEM ? -ERRNO.E2BIG : undefined));
  expect(() => live('counts', sys).set(1, {})).toThrow(
    'BPF_MAP_UPDATE_ELEM: Argument list too long (E2BIG): map counts',
  );
});
