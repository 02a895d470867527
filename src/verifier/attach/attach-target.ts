/** What a program is attached to by BTF id, as far as its context shows it. */

export interface AttachParam {
  /** Id of the type in the kernel's BTF. */
  readonly type: number;
  /** Kind with flags of what a load gives instead of what the type says; 0: what the type says. */
  readonly given: number;
  /** Flags besides, for a kernel object. */
  readonly flags: number;
}

export interface AttachTarget {
  /** As messages name it. */
  readonly name: string;
  /** The same with the struct that it is a member of: `struct.member`. */
  readonly path: string;
  /** Parameters that the program sees. */
  readonly params: readonly AttachParam[];
  /** Types of all parameters and of the result: each takes as many words of the context as it needs. */
  readonly slots: readonly number[];
  readonly result: number;
  /** The program takes the place of a function without a result: nobody looks at r0. */
  readonly returnsNothing?: boolean;
  /** What it may write of structs: see StructOps. */
  readonly writable?: Readonly<Record<string, readonly string[]>>;
  /** Name of a struct, and of the one that pointers to it show. */
  readonly seenAs?: readonly [string, string];
}
