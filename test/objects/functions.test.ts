/** What the verifier says of global functions and callbacks, on both backends in the same words. */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { VerifierError } from '../../src/errors/index.ts';
import { loadCollectionSpec } from '../../src/loader/index.ts';
import type { BpfSys } from '../../src/sys/index.ts';
import { onBackends } from '../backends.ts';

const bytes = new Uint8Array(readFileSync(new URL('functions.o', import.meta.url)));

/** The errno and the last line of the refusal. */
function answerTo(sys: BpfSys, name: string): string {
  const spec = loadCollectionSpec(bytes, { file: 'functions.o' });
  try {
    using _ = spec.load(sys, { programs: [name] });
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error;
    return `${error.code} ${error.summary}`;
  }
  return 'accepted';
}

const invalid = (callee: string): string => `EINVAL Caller passes invalid args into func#1 ('${callee}')`;

const ANSWERS: Readonly<Record<string, string>> = {
  numbers: 'accepted',
  two_deep: 'accepted',
  memory: 'accepted',
  null_memory: 'accepted',
  nonnull: 'accepted',
  unchecked: "EACCES R1 invalid mem access 'mem_or_null'",
  behind_memory: 'EACCES R1 min value is outside of the allowed memory range',
  too_small: invalid('through'),
  context: 'accepted',
  no_context: invalid('of_context'),
  context_as_memory: invalid('through'),
  pointer_as_number: invalid('add'),
  void_pointer: invalid('of_anything'),
  opaque_pointer: invalid('of_opaque'),
  no_result: invalid('nothing'),
  pointer_result: 'EINVAL At subprogram exit the register R0 is not a scalar value (ctx)',
  sum_up: 'accepted',
  stop_at_once: 'accepted',
  wrong_result: 'EINVAL At callback return the register R0 has smin=2 smax=2 should have been in [0, 1]',
};

onBackends(
  'global functions and callbacks',
  Object.fromEntries(
    Object.entries(ANSWERS).map(([name, answer]) => [
      name,
      ({ sys }: { sys: BpfSys }) => expect(answerTo(sys, name)).toBe(answer),
    ]),
  ),
);
