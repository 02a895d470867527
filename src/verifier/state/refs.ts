/**
 * What a path has acquired and must give back before it ends (@kernel bpf_reference_state): objects whose pointers carry
 * the reference's id (`ref_obj_id`), and held locks. The list belongs to the state, not to a frame: a function may give
 * back what its caller acquired. Lists are shared between states and never change.
 */

/** Kinds of references. */
export const REF = { OBJECT: 0, LOCK: 1 } as const;

export interface Ref {
  readonly kind: (typeof REF)[keyof typeof REF];
  /** For a lock the id of the map value it lies in: 0 where there is only one such value. */
  readonly id: number;
  /** Instruction that acquired it. */
  readonly insn: number;
  /** Locks: index of the map whose value holds it, else -1. */
  readonly map: number;
}

export const NO_REFS: readonly Ref[] = [];

export const heldLock = (refs: readonly Ref[]): Ref | undefined => refs.find((ref) => ref.kind === REF.LOCK);

/** The list without object `id`; undefined where it has none. */
export function withoutObject(refs: readonly Ref[], id: number): readonly Ref[] | undefined {
  const gone = refs.find((ref) => ref.kind === REF.OBJECT && ref.id === id);
  return gone && without(refs, gone);
}

export const without = (refs: readonly Ref[], gone: Ref): readonly Ref[] => refs.filter((ref) => ref !== gone);

/** ` refs=2,4` */
export function refsText(refs: readonly Ref[]): string {
  const ids = refs.filter((ref) => ref.id).map((ref) => ref.id);
  return ids.length ? ` refs=${ids.join(',')}` : '';
}
