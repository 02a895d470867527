/** A program object as the text of a `.bpft` file, which assembles to the same slots. */
import { assemble, formatInsn } from '../../../src/asm/index.ts';
import { decode, encode } from '../../../src/isa/index.ts';
import type { Instruction } from '../../../src/isa/index.ts';
import type { ExchangeMap, ProgramObject } from '../../../src/loader/index.ts';
import { CAP, MAP_FLAG, MAP_TYPE_NAMES, PROG_FLAG, PROG_TYPE_NAMES, PSEUDO } from '../../../src/uapi/index.ts';
import { slotsOf, toItems } from './code.ts';
import { fieldsOf } from './map-fields.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function flagNames(bits: number, names: Readonly<Record<string, number>>): string {
  const found = Object.entries(names).filter(([, bit]) => (bits & bit) !== 0);
  const rest = found.reduce((left, [, bit]) => left & ~bit, bits) >>> 0;
  return [...found.map(([name]) => name.toLowerCase()), ...(rest ? [`0x${rest.toString(16)}`] : [])].join('|');
}

/** Of the capabilities only those that matter to programs. */
function capNames(caps: bigint): string {
  const held = Object.entries(CAP).filter(([, bit]) => (caps >> BigInt(bit)) & 1n);
  return held.map(([name]) => name.toLowerCase()).join(' ') || 'none';
}

function mapLines(map: ExchangeMap, name: string, object: ProgramObject): string[] {
  const { keySize, valueSize, maxEntries, mapFlags, mapExtra, freeze } = map;
  let line = `.map ${name} ${MAP_TYPE_NAMES[map.type]} key=${keySize} value=${valueSize} max=${maxEntries}`;
  if (mapFlags) line += ` flags=${flagNames(mapFlags, MAP_FLAG)}`;
  if (mapExtra) line += ` extra=${mapExtra}`;
  if (map.inner !== undefined) line += ` inner=m${map.inner}`;
  if (map.name) line += ` name=${map.name}`;
  const fields = fieldsOf(map, object) ?? [];
  if (fields.length) line += ` fields=${fields.map(({ kind, offset }) => `${kind}@${offset}`).join(',')}`;
  if (freeze) line += ' freeze';
  return [line, ...map.init.map(([key, value]) => `.init ${name} ${hex(key)} ${hex(value)}`)];
}

/** Whether a line assembles to just these slots. */
function assembles(text: string, slots: readonly Instruction[]): boolean {
  try {
    return hex(encode(assemble(text).insns)) === hex(encode(slots));
  } catch {
    return false;
  }
}

const JUMP = /\bpc([+-]\d+)/;

function codeLines({ insns: bytes, mapRefs }: ProgramObject, names: readonly string[]): string[] {
  const insns = decode(bytes);
  const maps = new Map(mapRefs);
  const items = toItems(insns, mapRefs);
  const starts = new Set<number>();
  let slot = 0;
  for (const one of items) {
    starts.add(slot);
    slot += slotsOf(one);
  }
  const labels = new Set<number>();
  const lines: { slot: number; text: string }[] = [];
  slot = 0;
  for (const one of items) {
    const slots = insns.slice(slot, slot + slotsOf(one));
    const map = maps.get(slot);
    const { dst, src, high } = one;
    let text: string;
    if (map !== undefined && high !== undefined && (src === PSEUDO.MAP_FD ? high === 0 : src === PSEUDO.MAP_VALUE)) {
      text = `r${dst} = map[${names[map]}]${src === PSEUDO.MAP_VALUE ? `[0]+${high}` : ''}`;
      if (dst > 10) text = '';
    } else {
      const full = formatInsn(insns, slot, { raw: true });
      // Without the opcode some texts are another instruction's.
      text = [full.replace(/^\([0-9a-f]{2}\) /, ''), full].find((one) => assembles(one, slots)) ?? '';
      const to = slot + 1 + Number(JUMP.exec(text)?.[1] ?? NaN);
      if (starts.has(to)) {
        labels.add(to);
        text = text.replace(JUMP, `L${to}`);
      }
    }
    if (text) lines.push({ slot, text });
    else slots.forEach((raw, i) => lines.push({ slot: slot + i, text: `.slot ${hex(encode([raw]))}` }));
    slot += slotsOf(one);
  }
  return lines.flatMap((line) => [...(labels.has(line.slot) ? [`L${line.slot}:`] : []), line.text]);
}

/** The program's part of a file, without an answer. */
export function toBpft(object: ProgramObject, title: string): string[] {
  const names = object.maps.map((_, i) => `m${i}`);
  const { progFlags, license, expectedAttachType, progType, caps } = object;
  return [
    `== ${title}`,
    `.type ${PROG_TYPE_NAMES[progType]}`,
    ...(expectedAttachType ? [`.attach ${expectedAttachType}`] : []),
    ...(object.attachBtf === undefined ? [] : [`.target ${object.attachBtf}`]),
    ...(license === 'GPL' ? [] : [`.license ${license}`]),
    ...(caps === undefined ? [] : [`.caps ${capNames(caps)}`]),
    ...(progFlags ? [`.flags ${flagNames(progFlags, PROG_FLAG)}`] : []),
    ...object.maps.flatMap((map, i) => mapLines(map, names[i], object)),
    ...codeLines(object, names),
  ];
}
