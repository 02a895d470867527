/** A loaded program. */
import { BpfError } from '../errors/index.ts';
import type { BpfSys, ProgTestRunAttr } from '../sys/index.ts';
import { BPF_CMD, PROG_TYPE } from '../uapi/index.ts';
import type { ProgramSpec } from './spec.ts';

export interface RunOptions {
  /** The packet from its link-layer header on; absent for programs that see none. */
  data?: Uint8Array;
  /** Bytes of the context struct, where the program type lets the caller give one. */
  ctx?: Uint8Array;
  /** Runs, at least 1. Default 1. */
  repeat?: number;
  /** Wanted back: the packet as the program left it. A buffer is filled; `true` makes one, with room to grow by 256. */
  dataOut?: boolean | Uint8Array;
  /** Most instructions that all runs together may take; beyond them a BudgetTrap is thrown. Not on Linux. */
  fuel?: number;
  /** Most milliseconds that they may take. Not on Linux. */
  timeMs?: number;
}

export interface RunResult {
  /** The program's return value, 32 bits unsigned. */
  readonly retval: number;
  /** Nanoseconds per run. */
  readonly duration: number;
  /** Only if it was asked for. */
  readonly dataOut?: Uint8Array;
}

const HEADROOM = 256;

export class Program {
  readonly name: string;
  /** See PROG_TYPE. */
  readonly type: number;
  /** What its section says that it is for: `http/server_request_start` of `tp/http/server_request_start`; often empty. */
  readonly attachTo: string;
  /** The verifier's log, if the load asked for one. */
  readonly log: string;
  readonly #sys: BpfSys;
  #fd: number;
  /** One object for all runs: a capture is millions of them. */
  readonly #attr: ProgTestRunAttr;

  /** Takes over the descriptor. */
  constructor(
    sys: BpfSys,
    fd: number,
    spec: Pick<ProgramSpec, 'name' | 'type'> & Partial<Pick<ProgramSpec, 'attachTo'>>,
    log = '',
  ) {
    this.#sys = sys;
    this.#fd = fd;
    this.name = spec.name;
    this.type = spec.type;
    this.attachTo = spec.attachTo ?? '';
    this.log = log;
    this.#attr = {
      progFd: fd,
      dataIn: undefined,
      dataOut: undefined,
      dataSizeOut: 0,
      ctxIn: undefined,
      repeat: 1,
      retval: 0,
      duration: 0,
      fuel: undefined,
      timeMs: undefined,
      view: spec.type === PROG_TYPE.SOCKET_FILTER ? 'packet-socket' : undefined,
    };
  }

  /** Where it is loaded. */
  get sys(): BpfSys {
    return this.#sys;
  }

  /** -1 once closed. */
  get fd(): number {
    return this.#fd;
  }

  /**
   * Run the program on a packet as its attach point would give it: a socket filter sees the frame as on an AF_PACKET
   * socket (see `ProgTestRunAttr.view`), everything else as PROG_TEST_RUN does.
   * @throws BpfError
   * @throws BudgetTrap: it took more than it may
   */
  run(options: RunOptions): RunResult {
    const attr = this.#attr;
    attr.dataIn = options.data;
    attr.ctxIn = options.ctx;
    attr.repeat = options.repeat ?? 1;
    attr.fuel = options.fuel;
    attr.timeMs = options.timeMs;
    attr.dataOut = options.dataOut === undefined ? undefined : outBuffer(options);
    const result = this.#sys.bpf(BPF_CMD.PROG_TEST_RUN, attr);
    if (result < 0) throw new BpfError(result, 'BPF_PROG_TEST_RUN', `program ${this.name}`);
    const retval = attr.retval ?? 0;
    const duration = attr.duration ?? 0;
    if (attr.dataOut === undefined) return { retval, duration };
    return { retval, duration, dataOut: attr.dataOut.subarray(0, attr.dataSizeOut) };
  }

  /** Exactly BPF_PROG_TEST_RUN: fields of `attr` are taken as they are, and filled in. @throws BpfError */
  test(attr: Omit<ProgTestRunAttr, 'progFd'>): ProgTestRunAttr {
    const whole = Object.assign(attr, { progFd: this.#fd });
    const result = this.#sys.bpf(BPF_CMD.PROG_TEST_RUN, whole);
    if (result < 0) throw new BpfError(result, 'BPF_PROG_TEST_RUN', `program ${this.name}`);
    return whole;
  }

  close(): void {
    if (this.#fd < 0) return;
    this.#sys.close(this.#fd);
    this.#fd = -1;
    this.#attr.progFd = -1;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function outBuffer({ data, dataOut }: RunOptions): Uint8Array | undefined {
  if (dataOut === true) return new Uint8Array((data?.length ?? 0) + HEADROOM);
  return dataOut === false ? undefined : dataOut;
}
