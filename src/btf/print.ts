/** Types as text: a short name in C's words, and the listing that `bpftool btf dump … format raw` prints. */
import type { Btf } from './btf.ts';
import { CORE_RELO_NAMES } from './ext.ts';
import { INT_ENCODING, KIND, KIND_NAMES } from './types.ts';
import type { BtfType } from './types.ts';

/** Most types that are spelled out in one name: prototypes may multiply. */
const MAX_PARTS = 64;

/** `struct flow`, `__u64`, `const char *`, `char[16]`, `int (*)(void *)`; what is too long ends in `…`. */
export function typeName(btf: Btf, id: number): string {
  return new NameWriter(btf).write(id);
}

class NameWriter {
  readonly #btf: Btf;
  #left = MAX_PARTS;

  constructor(btf: Btf) {
    this.#btf = btf;
  }

  write(id: number): string {
    if (--this.#left < 0) return '…';
    const type = this.#btf.type(id);
    const name = type.name || '(anon)';
    switch (type.kind) {
      case KIND.PTR:
        return this.#pointer(type.type);
      case KIND.ARRAY:
        return `${this.write(type.type)}[${type.count}]`;
      case KIND.STRUCT:
      case KIND.UNION:
        return `${type.kind === KIND.STRUCT ? 'struct' : 'union'} ${name}`;
      case KIND.ENUM:
      case KIND.ENUM64:
        return `enum ${name}`;
      case KIND.FWD:
        return `${type.union ? 'union' : 'struct'} ${name}`;
      case KIND.CONST:
      case KIND.VOLATILE:
      case KIND.RESTRICT:
        return `${KIND_NAMES[type.kind].toLowerCase()} ${this.write(type.type)}`;
      case KIND.TYPE_TAG:
        return this.write(type.type);
      case KIND.FUNC_PROTO: {
        const shown = type.params.slice(0, MAX_PARTS);
        return `${this.write(type.type)} (${shown.map((p) => (p.type === 0 ? '...' : this.write(p.type))).join(', ')})`;
      }
      default:
        return name;
    }
  }

  #pointer(to: number): string {
    const text = this.write(to);
    if (this.#btf.type(to).kind === KIND.FUNC_PROTO) return text.replace(' (', ' (*)(');
    return text.endsWith('*') ? `${text}*` : `${text} *`;
  }
}

const LINKAGE_NAMES = ['static', 'global', 'extern'];

/** Every type, one record a paragraph, as bpftool lists them. */
export function dumpTypes(btf: Btf): string {
  let out = '';
  for (const type of btf) out += `${dumpType(btf, type)}\n`;
  return out;
}

function dumpType(btf: Btf, type: BtfType): string {
  const lines = (head: string, rest: readonly string[]) => [head, ...rest].join('\n\t');
  const head = `[${type.id}] ${KIND_NAMES[type.kind]} '${type.name || '(anon)'}'`;
  switch (type.kind) {
    case KIND.INT:
      return `${head} size=${type.size} bits_offset=${type.offset} nr_bits=${type.bits} encoding=${encodingName(type.encoding)}`;
    case KIND.ARRAY:
      return `${head} type_id=${type.type} index_type_id=${type.indexType} nr_elems=${type.count}`;
    case KIND.STRUCT:
    case KIND.UNION:
      return lines(
        `${head} size=${type.size} vlen=${type.members.length}`,
        type.members.map(
          (m) =>
            `'${m.name || '(anon)'}' type_id=${m.type} bits_offset=${m.bitOffset}` +
            (m.bitSize ? ` bitfield_size=${m.bitSize}` : ''),
        ),
      );
    case KIND.ENUM:
    case KIND.ENUM64:
      return lines(
        `${head} encoding=${type.signed ? 'SIGNED' : 'UNSIGNED'} size=${type.size} vlen=${type.values.length}`,
        type.values.map(
          (v) =>
            `'${v.name}' val=${v.value}${type.kind === KIND.ENUM64 && !type.signed ? 'ULL' : type.kind === KIND.ENUM64 ? 'LL' : ''}`,
        ),
      );
    case KIND.FWD:
      return `${head} fwd_kind=${type.union ? 'union' : 'struct'}`;
    case KIND.FUNC:
      return `${head} type_id=${type.type} linkage=${LINKAGE_NAMES[type.linkage]}`;
    case KIND.FUNC_PROTO:
      return lines(
        `${head} ret_type_id=${type.type} vlen=${type.params.length}`,
        type.params.map((p) => `'${p.name || '(anon)'}' type_id=${p.type}`),
      );
    case KIND.VAR:
      return `${head} type_id=${type.type}, linkage=${LINKAGE_NAMES[type.linkage]}`;
    case KIND.DATASEC:
      return lines(
        `${head} size=${type.size} vlen=${type.vars.length}`,
        type.vars.map(
          (v) =>
            `type_id=${v.type} offset=${v.offset} size=${v.size} (${KIND_NAMES[btf.type(v.type).kind]} '${btf.type(v.type).name}')`,
        ),
      );
    case KIND.FLOAT:
      return `${head} size=${type.size}`;
    case KIND.DECL_TAG:
      return `${head} type_id=${type.type} component_idx=${type.component}`;
    case KIND.VOID:
      return head;
    default:
      return `${head} type_id=${type.type}`;
  }
}

function encodingName(encoding: number): string {
  if (encoding & INT_ENCODING.SIGNED) return 'SIGNED';
  if (encoding & INT_ENCODING.CHAR) return 'CHAR';
  return encoding & INT_ENCODING.BOOL ? 'BOOL' : '(none)';
}

/** `byte_off of struct task_struct, 0:3`. */
export function coreReloText(btf: Btf, relo: { type: number; access: string; kind: number }): string {
  return `${CORE_RELO_NAMES[relo.kind]} of ${typeName(btf, relo.type)}, ${relo.access}`;
}
