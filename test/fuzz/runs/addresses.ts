/**
 * Programs that may show addresses: where a map lies, or a stack frame. Loaded without CAP_PERFMON the verifier refuses them and
 * says why, as it does with programs that read stack that they never wrote.
 */
import { KernelBtf } from '../../../src/btf/index.ts';
import { btfIdIn } from '../../../src/cli/exchange.ts';
import { createKernel } from '../../../src/kernel/index.ts';
import type { ProgramObject } from '../../../src/loader/index.ts';
import { kernelBtfSource } from '../../../src/node/index.ts';
import type { BpfAttrs, BpfCmd, BpfSys, ProgLoadAttr } from '../../../src/sys/index.ts';
import { BPF_CMD, CAP } from '../../../src/uapi/index.ts';
import { verify } from '../../../src/verifier/index.ts';
import { Observer } from './observe.ts';

/** Without CAP_PERFMON no program passes that lets out an address, or reads stack that it never wrote. */
export const NO_LEAKS = (1n << BigInt(CAP.BPF)) | (1n << BigInt(CAP.NET_ADMIN));

const kernelBtf = new KernelBtf(kernelBtfSource());

/** Why a program may show addresses, or why that cannot be told: what is refused for another reason is not walked to its end. */
export function showsAddresses(object: ProgramObject): string | undefined {
  const kernel = createKernel({ verifyOnly: true, kernelBtf });
  let reason: string | undefined;
  const sys: BpfSys = {
    backend: kernel.backend,
    possibleCpus: kernel.possibleCpus,
    bpf<C extends BpfCmd>(cmd: C, attr: BpfAttrs[C]): number {
      // Programs in prog arrays are loaded without a log.
      if (cmd !== BPF_CMD.PROG_LOAD || !(attr as ProgLoadAttr).logLevel) return kernel.bpf(cmd, attr);
      const input = kernel.verifierInput(attr as ProgLoadAttr);
      if (typeof input === 'number') return input;
      const result = verify({ ...input, caps: NO_LEAKS, logLevel: 1 });
      if (!result.ok) reason = result.summary;
      return -1;
    },
    close: (fd) => kernel.close(fd),
    mmap: (...args) => kernel.mmap(...args),
    poll: (...args) => kernel.poll(...args),
    openPerfEvent: (cpu) => kernel.openPerfEvent(cpu),
    setsockopt: (...args) => kernel.setsockopt(...args),
  };
  const place = { sys, load: (attr: ProgLoadAttr) => sys.bpf(BPF_CMD.PROG_LOAD, attr) };
  const observer = new Observer(() => place, btfIdIn(kernelBtf));
  observer.observe({ ...object, runs: [] }, undefined);
  kernel[Symbol.dispose]();
  return reason;
}
