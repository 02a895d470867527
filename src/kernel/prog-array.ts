/**
 * What may be put into a prog array, and which programs may use one: only programs of one type and attach type, those of the
 * first program that was loaded with the array or put into it (-EINVAL). A program in a slot is known to the engines by a
 * number. When the last descriptor of an array is closed its slots are emptied, since a program in it may hold the array.
 */
import { ERRNO } from '../errors/index.ts';
import type { BpfMap, SlotObject, SlotResolver } from '../maps/index.ts';
import type { ProgObject } from './objects.ts';
import type { Subsystem } from './subsystem.ts';

export class ProgSlots implements SlotResolver {
  readonly #sub: Subsystem;
  /** The program that everyone else must be like. @kernel bpf_map_owner */
  #owner: Pick<ProgObject['parts'], 'verified' | 'expectedAttachType'> | undefined;

  constructor(sub: Subsystem) {
    this.#sub = sub;
  }

  acquire(fd: number): SlotObject | number {
    const descriptor = this.#sub.get(fd, 'prog');
    if (typeof descriptor === 'number') return descriptor;
    const { object } = descriptor;
    if (!this.admits(object.parts)) return -ERRNO.EINVAL;
    this.#sub.progs.hold(object);
    return { id: object.id, word: numberOf(this.#sub, object), release: () => this.#sub.progs.drop(object) };
  }

  /** Whether a program is like the owner; the first one becomes it. @kernel bpf_prog_map_compatible */
  admits(parts: Pick<ProgObject['parts'], 'verified' | 'expectedAttachType'>): boolean {
    this.#owner ??= parts;
    const { verified, expectedAttachType } = this.#owner;
    return verified.progType === parts.verified.progType && expectedAttachType === parts.expectedAttachType;
  }
}

/** The rules of each prog array. */
export type ProgArrays = WeakMap<BpfMap, ProgSlots>;

/** The number of a program, given when it is first needed. */
function numberOf(sub: Subsystem, object: ProgObject): number {
  if (object.number === 0) {
    object.number = sub.host.programs.add(object.image);
    sub.cpu.jit?.publish(object.number);
  }
  return object.number;
}

/** The program is gone, and nothing that runs can call it. */
export function releaseNumber(sub: Subsystem, { number }: ProgObject): void {
  if (number === 0) return;
  sub.host.programs.remove(number);
  sub.cpu.jit?.withdraw(number);
}
