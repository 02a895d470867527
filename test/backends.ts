/**
 * One test body, two backends, and a ledger.
 *
 * `onBackends` runs a body with a fresh `BpfSys` of user space, on each of its engines, and, where the kernel can be reached, of Linux (elsewhere
 * that test is skipped and the reason printed). What a body records with `ledger(question, answer)` is compared with
 * test/expect/linux-6.18.json, which holds what Linux 6.18 answered: so user space is held to the kernel's answers
 * on machines without it. SKEP_BLESS=1 with a kernel writes the ledger anew.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { LinuxUnavailableError, openLinux } from '../src/linux/index.ts';
import { openExchangeBackend } from '../src/cli/exchange.ts';
import { createKernel } from '../src/kernel/index.ts';
import type { EngineName, Kernel } from '../src/kernel/index.ts';
import type { LinuxSys } from '../src/linux/index.ts';
import type { ExchangeBackend } from '../src/loader/index.ts';
import type { BpfSys } from '../src/sys/index.ts';
import { stayOnCpu } from './support/one-cpu.ts';

export const blessing = !!process.env['SKEP_BLESS'];

let linux: LinuxSys | undefined;
let whyNot = '';
try {
  linux = await openLinux();
} catch (error) {
  if (!(error instanceof LinuxUnavailableError)) throw error;
  whyNot = error.message;
  console.warn(`tests on Linux are skipped: ${whyNot}`);
}

/**
 * Backends for program objects: user space, user space that only verifies, and `linux`, undefined where the kernel cannot
 * be reached.
 */
export async function exchangeBackends(): Promise<{
  userspace: ExchangeBackend;
  verifier: ExchangeBackend;
  linux: ExchangeBackend | undefined;
}> {
  return {
    verifier: await openExchangeBackend('userspace', true),
    userspace: await openExchangeBackend('userspace'),
    linux: linux && (await openExchangeBackend('linux')),
  };
}

type Answer = string | number | boolean | null | readonly Answer[] | { readonly [key: string]: Answer };

const LEDGER = new URL('./expect/linux-6.18.json', import.meta.url);

function readLedger(): Record<string, Record<string, Answer>> {
  return existsSync(LEDGER) ? (JSON.parse(readFileSync(LEDGER, 'utf8')) as Record<string, Record<string, Answer>>) : {};
}

/** What a body may ask of its surroundings. */
export interface BackendContext {
  /** Fresh: nothing of another body is in it. */
  readonly sys: BpfSys;
  readonly backend: 'userspace' | 'linux';
  /**
   * Hold the backend to what Linux answered: the same question has the same answer. A question is asked once a body.
   * Leave out what no two runs share: addresses, times, ids.
   */
  ledger(question: string, answer: Answer): void;
  /** Call `body` with these capabilities only (bits of `CAP`) on the same subsystem. */
  withCaps<T>(held: bigint, body: (sys: BpfSys) => T): T;
  /** Let timers run that are due within so many milliseconds: on Linux they take as long. */
  pass(milliseconds: number): Promise<void>;
}

/**
 * @param topic of the ledger; one test file a topic.
 * @param bodies by test name.
 */
export function onBackends(
  topic: string,
  bodies: Readonly<Record<string, (context: BackendContext) => void | Promise<void>>>,
): void {
  const recorded = readLedger()[topic] ?? {};
  const fresh: Record<string, Answer> = {};
  const asked = new Set<string>();
  const context = (name: string, backend: 'userspace' | 'linux', engine: EngineName): BackendContext => {
    const raw = backend === 'linux' ? (linux as LinuxSys) : createKernel({ engine });
    const opened = new OpenDescriptors(raw);
    return {
      sys: opened,
      backend,
      ledger(question, answer) {
        const key = `${name}: ${question}`;
        asked.add(key);
        if (blessing && backend === 'linux') fresh[key] = answer;
        else if (blessing && linux) expect(answer, key).toEqual(fresh[key]);
        else {
          expect(recorded, `the ledger has no answer: SKEP_BLESS=1 records it`).toHaveProperty([key]);
          expect(answer, key).toEqual(recorded[key]);
        }
      },
      async pass(milliseconds) {
        if (backend === 'linux') return void (await sleep(milliseconds));
        const kernel = raw as Kernel;
        const end = performance.now() * 1e6 + milliseconds * 1e6;
        while (kernel.nextTimer < end) kernel.runTimers(kernel.nextTimer);
      },
      withCaps: (held, body) =>
        backend === 'linux'
          ? (linux as LinuxSys).withCaps(held, () => body(opened))
          : (raw as Kernel).withCaps(held, () => body(opened)),
    };
  };
  const run = async (name: string, backend: 'userspace' | 'linux', engine: EngineName = 'interp'): Promise<void> => {
    const given = context(name, backend, engine);
    const leave = backend === 'linux' ? stayOnCpu() : undefined;
    try {
      await bodies[name](given);
    } finally {
      leave?.();
      (given.sys as OpenDescriptors).closeAll();
    }
  };
  describe(topic, () => {
    // Linux first: when blessing, user space is compared with what it just said.
    for (const name of Object.keys(bodies)) {
      it.skipIf(!linux)(`${name} [linux]`, () => run(name, 'linux'));
      it(`${name} [userspace]`, () => run(name, 'userspace'));
      it(`${name} [userspace, jit]`, () => run(name, 'userspace', 'jit'));
    }
    afterAll(() => {
      if (blessing && linux) writeTopic(topic, fresh);
      else if (linux)
        expect(
          Object.keys(recorded).filter((key) => !asked.has(key)),
          'no longer asked',
        ).toEqual([]);
    });
  });
}

/** Test files run in processes of their own: one writes at a time. */
function writeTopic(topic: string, answers: Record<string, Answer>): void {
  const lock = new URL(`${LEDGER.href}.lock`);
  for (let tries = 0; ; tries++) {
    try {
      mkdirSync(lock);
      break;
    } catch (error) {
      if (tries > 500) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
  try {
    mergeTopic(topic, answers);
  } finally {
    rmdirSync(lock);
  }
}

function mergeTopic(topic: string, answers: Record<string, Answer>): void {
  const ledger = { ...readLedger(), [topic]: answers };
  const ordered = Object.fromEntries(Object.entries(ledger).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(LEDGER, `${JSON.stringify(ordered, null, 1)}\n`);
}

/** Passes everything on, and remembers the descriptors it gave out, so that a body that fails leaves none behind. */
class OpenDescriptors implements BpfSys {
  readonly #sys: BpfSys;
  readonly #open = new Set<number>();
  readonly backend: string;
  readonly possibleCpus: number;
  readonly kernelSetting: BpfSys['kernelSetting'];
  /** Commands whose result is a descriptor. */
  static readonly #MAKERS: ReadonlySet<number> = new Set([0, 5, 13, 14, 18, 19]);

  constructor(sys: BpfSys) {
    this.#sys = sys;
    this.backend = sys.backend;
    this.possibleCpus = sys.possibleCpus;
    this.kernelSetting = (name) => sys.kernelSetting?.(name);
  }

  bpf: BpfSys['bpf'] = (cmd, attr) => {
    const result = this.#sys.bpf(cmd, attr);
    if (result >= 0 && OpenDescriptors.#MAKERS.has(cmd)) this.#open.add(result);
    return result;
  };

  close(fd: number): void {
    this.#open.delete(fd);
    this.#sys.close(fd);
  }

  closeAll(): void {
    for (const fd of this.#open) this.#sys.close(fd);
    this.#open.clear();
  }

  mmap: BpfSys['mmap'] = (fd, length, offset) => this.#sys.mmap(fd, length, offset);
  poll: BpfSys['poll'] = (fd, signal) => this.#sys.poll(fd, signal);
  openPerfEvent(cpu: number): number {
    const fd = this.#sys.openPerfEvent(cpu);
    if (fd >= 0) this.#open.add(fd);
    return fd;
  }
  setsockopt: BpfSys['setsockopt'] = (socket, option, value) => this.#sys.setsockopt(socket, option, value);
}
