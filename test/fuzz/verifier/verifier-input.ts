/** What the verifier is given when a program object is loaded: it is set up on user space, and not loaded. */
import { KernelBtf } from '../../../src/btf/index.ts';
import { btfIdIn } from '../../../src/cli/exchange.ts';
import { createKernel } from '../../../src/kernel/index.ts';
import type { Kernel } from '../../../src/kernel/index.ts';
import { ExchangeRunner } from '../../../src/loader/index.ts';
import type { ProgramObject } from '../../../src/loader/index.ts';
import { kernelBtfSource } from '../../../src/node/index.ts';
import type { BpfAttrs, BpfCmd, BpfSys, ProgLoadAttr } from '../../../src/sys/index.ts';
import { BPF_CMD } from '../../../src/uapi/index.ts';
import type { VerifyInput } from '../../../src/verifier/index.ts';

/** Objects for which one userspace kernel is used. */
const OBJECTS_PER_KERNEL = 1024;

const kernelBtf = new KernelBtf(kernelBtfSource());
let kernel: Kernel | undefined;
let left = 0;

/** @param use called while the object's maps are open; not called where the object cannot be set up */
export function withVerifierInput(object: ProgramObject, use: (input: VerifyInput) => void): void {
  if (kernel === undefined || left-- === 0) {
    kernel?.[Symbol.dispose]();
    kernel = createKernel({ verifyOnly: true, kernelBtf });
    left = OBJECTS_PER_KERNEL;
  }
  const runner = new ExchangeRunner(
    { btfId: btfIdIn(kernelBtf), with: (_caps, body) => body(instead(kernel as Kernel, use)) },
    { logLevel: 4 },
  );
  runner.answer({ ...object, caps: undefined, runs: [] });
}

/** The subsystem, but that it hands out what it would verify. */
function instead(sys: Kernel, use: (input: VerifyInput) => void): BpfSys {
  return {
    backend: sys.backend,
    possibleCpus: sys.possibleCpus,
    bpf<C extends BpfCmd>(cmd: C, attr: BpfAttrs[C]): number {
      // Programs in prog arrays are loaded without a log.
      if (cmd !== BPF_CMD.PROG_LOAD || !(attr as ProgLoadAttr).logLevel) return sys.bpf(cmd, attr);
      const input = sys.verifierInput(attr as ProgLoadAttr);
      if (typeof input === 'number') return input;
      use(input);
      return -1;
    },
    close: (fd) => sys.close(fd),
    mmap: (...args) => sys.mmap(...args),
    poll: (...args) => sys.poll(...args),
    openPerfEvent: (cpu) => sys.openPerfEvent(cpu),
    setsockopt: (...args) => sys.setsockopt(...args),
  };
}
