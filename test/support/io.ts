/** Standard streams for commands under test. */
import type { Io } from '../../src/cli/command.ts';

export interface TestIo extends Io {
  stdout: string;
  stderr: string;
}

/** @param input what standard input gives, in pieces */
export function testIo({
  input = [],
  interactive = false,
}: { input?: Uint8Array[]; interactive?: boolean } = {}): TestIo {
  const io: TestIo = {
    stdout: '',
    stderr: '',
    interactive,
    out: (text) => void (io.stdout += text),
    err: (text) => void (io.stderr += text),
    async *stdin() {
      yield* input;
    },
  };
  return io;
}
