/** Fields that the kernel keeps in the values of an object's map. */
import { Btf } from '../../../src/btf/index.ts';
import { mapFields } from '../../../src/contracts/index.ts';
import type { MapField } from '../../../src/contracts/index.ts';
import type { ExchangeMap, ProgramObject } from '../../../src/loader/index.ts';

/** @returns undefined for a map without BTF. */
export function fieldsOf(map: ExchangeMap, { btfs }: ProgramObject): readonly MapField[] | undefined {
  const blob = map.btf === undefined ? undefined : btfs[map.btf];
  if (!(blob instanceof Uint8Array)) return undefined;
  const fields = mapFields(Btf.parse(blob), map.btfValueTypeId);
  if (typeof fields !== 'object') throw new TypeError(`a value has ${fields}`);
  return fields;
}
