/**
 * The kinds of BTF and the shape of each. Sources: <linux/btf.h> (GPL-2.0 WITH Linux-syscall-note) and
 * docs.kernel.org/bpf/btf.html. Ids count from 1; id 0 is `void`.
 */

/** @kernel BTF_KIND_* */
export const KIND = {
  VOID: 0,
  INT: 1,
  PTR: 2,
  ARRAY: 3,
  STRUCT: 4,
  UNION: 5,
  ENUM: 6,
  FWD: 7,
  TYPEDEF: 8,
  VOLATILE: 9,
  CONST: 10,
  RESTRICT: 11,
  FUNC: 12,
  FUNC_PROTO: 13,
  VAR: 14,
  DATASEC: 15,
  FLOAT: 16,
  DECL_TAG: 17,
  TYPE_TAG: 18,
  ENUM64: 19,
} as const;

/** Kind names as bpftool prints them, by number. */
export const KIND_NAMES: readonly string[] = Object.keys(KIND);

export const BTF_MAGIC = 0xeb9f;
/** Highest type id. @kernel BTF_MAX_TYPE */
export const BTF_MAX_TYPE = 0xfffff;

/** Encoding bits of an integer. */
export const INT_ENCODING = { SIGNED: 1, CHAR: 2, BOOL: 4 } as const;
/** Linkage of variables and functions. */
export const LINKAGE = { STATIC: 0, GLOBAL: 1, EXTERN: 2 } as const;

interface Named {
  readonly id: number;
  /** Empty for anonymous types. */
  readonly name: string;
}
export interface BtfVoid extends Named {
  readonly kind: typeof KIND.VOID;
}
export interface BtfInt extends Named {
  readonly kind: typeof KIND.INT;
  /** Bytes: 1, 2, 4, 8 or 16. */
  readonly size: number;
  /** INT_ENCODING bits. */
  readonly encoding: number;
  /** First bit of the value in those bytes; 0 from every known compiler. */
  readonly offset: number;
  /** Bits of the value, at most 128. */
  readonly bits: number;
}
/** Pointer, and what only changes or names another type. */
export interface BtfReference extends Named {
  readonly kind:
    | typeof KIND.PTR
    | typeof KIND.TYPEDEF
    | typeof KIND.VOLATILE
    | typeof KIND.CONST
    | typeof KIND.RESTRICT
    | typeof KIND.TYPE_TAG;
  readonly type: number;
}
export interface BtfArray extends Named {
  readonly kind: typeof KIND.ARRAY;
  readonly type: number;
  readonly indexType: number;
  readonly count: number;
}
export interface BtfMember {
  readonly name: string;
  readonly type: number;
  /** Bits from the start of the structure. */
  readonly bitOffset: number;
  /** Bits of a bit field; 0 for an ordinary member. */
  readonly bitSize: number;
}
export interface BtfComposite extends Named {
  readonly kind: typeof KIND.STRUCT | typeof KIND.UNION;
  /** Bytes. */
  readonly size: number;
  readonly members: readonly BtfMember[];
}
export interface BtfEnum extends Named {
  readonly kind: typeof KIND.ENUM | typeof KIND.ENUM64;
  /** Bytes: 1, 2, 4 or 8. */
  readonly size: number;
  readonly signed: boolean;
  readonly values: readonly { readonly name: string; readonly value: number | bigint }[];
}
export interface BtfForward extends Named {
  readonly kind: typeof KIND.FWD;
  readonly union: boolean;
}
export interface BtfFunc extends Named {
  readonly kind: typeof KIND.FUNC;
  /** Id of the prototype. */
  readonly type: number;
  readonly linkage: number;
}
export interface BtfFuncProto extends Named {
  readonly kind: typeof KIND.FUNC_PROTO;
  /** Id of the return type. */
  readonly type: number;
  /** A last parameter without name and type stands for `...`. */
  readonly params: readonly { readonly name: string; readonly type: number }[];
}
export interface BtfVar extends Named {
  readonly kind: typeof KIND.VAR;
  readonly type: number;
  readonly linkage: number;
}
export interface BtfDatasec extends Named {
  readonly kind: typeof KIND.DATASEC;
  /** Bytes; 0 until a loader has filled it in from the object. */
  readonly size: number;
  readonly vars: readonly { readonly type: number; readonly offset: number; readonly size: number }[];
}
export interface BtfFloat extends Named {
  readonly kind: typeof KIND.FLOAT;
  /** Bytes: 2, 4, 8, 12 or 16. */
  readonly size: number;
}
export interface BtfDeclTag extends Named {
  readonly kind: typeof KIND.DECL_TAG;
  readonly type: number;
  /** Member or parameter that is tagged; -1 for the whole. */
  readonly component: number;
}

export type BtfType =
  | BtfVoid
  | BtfInt
  | BtfReference
  | BtfArray
  | BtfComposite
  | BtfEnum
  | BtfForward
  | BtfFunc
  | BtfFuncProto
  | BtfVar
  | BtfDatasec
  | BtfFloat
  | BtfDeclTag;
