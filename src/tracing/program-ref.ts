/** The programs that are attached: how they are given, and what the subsystem says of them. */
import { BpfError, ERRNO } from '../errors/index.ts';
import type { Kernel } from '../kernel/index.ts';
import type { BpfSys } from '../sys/index.ts';
import { BPF_CMD, BPF_PROG_INFO } from '../uapi/index.ts';

/** A `Program` of skep/loader, or any open descriptor of a program. */
export interface ProgramRef {
  readonly fd: number;
  /** Where it is loaded, where that is known. */
  readonly sys?: BpfSys;
}

export interface ProgramInfo {
  /** See PROG_TYPE. */
  readonly type: number;
  readonly id: number;
  /** At most 15 characters. */
  readonly name: string;
}

/** @throws BpfError EBADF: no descriptor; EINVAL: the program is loaded elsewhere */
export function programInfo(kernel: Kernel, { fd, sys }: ProgramRef): ProgramInfo {
  if (sys !== undefined && sys !== kernel)
    throw new BpfError(ERRNO.EINVAL, 'attach', 'the program is loaded in another kernel');
  const info = new Uint8Array(BPF_PROG_INFO.size);
  const answer = kernel.bpf(BPF_CMD.OBJ_GET_INFO_BY_FD, { bpfFd: fd, info });
  if (answer < 0) throw new BpfError(ERRNO.EBADF, 'attach', `descriptor ${fd} is no program`);
  const view = new DataView(info.buffer);
  const { type, id, name } = BPF_PROG_INFO.fields;
  const bytes = info.subarray(name[0], name[0] + name[1]);
  const end = bytes.indexOf(0);
  return {
    type: view.getUint32(type[0], true),
    id: view.getUint32(id[0], true),
    name: new TextDecoder().decode(bytes.subarray(0, end < 0 ? bytes.length : end)),
  };
}

/** What ids mean that are written into files. */
export interface ProgramIds {
  /**
   * Call `attach` with a descriptor of the program, which is open until it returns.
   * @throws BpfError ENOENT: no program has the id
   */
  use<T>(id: number, attach: (fd: number) => T): T;
}

/** The ids that the kernel gave its programs. */
export function kernelIds(kernel: Kernel): ProgramIds {
  return {
    use: (id, attach) => {
      const fd = kernel.bpf(BPF_CMD.PROG_GET_FD_BY_ID, { id });
      if (fd < 0) throw new BpfError(fd, 'filter', `no program has id ${id}`);
      try {
        return attach(fd);
      } finally {
        kernel.close(fd);
      }
    },
  };
}
