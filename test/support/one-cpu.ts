/**
 * Keeps the calling thread on the CPU where it runs, so that values of one CPU which programs write are those that they read
 * in the next run. Without Linux or koffi nothing is done: there are no such programs then.
 */

interface Koffi {
  load(path: null): { func(prototype: string): (...args: unknown[]) => number };
}

/** Words of a mask of CPUs, 1,024 of them. */
const MASK_WORDS = 16;

async function loadKoffi(): Promise<Koffi | undefined> {
  const name: string = 'koffi';
  try {
    return process.platform === 'linux' ? ((await import(name)) as { default: Koffi }).default : undefined;
  } catch {
    return undefined;
  }
}

const libc = (await loadKoffi())?.load(null);
const getcpu = libc?.func('int sched_getcpu()');
const getaffinity = libc?.func('int sched_getaffinity(int thread, size_t size, void *mask)');
const setaffinity = libc?.func('int sched_setaffinity(int thread, size_t size, const void *mask)');

/** @returns what lets the thread go where it could before */
export function stayOnCpu(): () => void {
  if (!getcpu || !getaffinity || !setaffinity) return () => {};
  const before = new BigUint64Array(MASK_WORDS);
  getaffinity(0, before.byteLength, before);
  const here = new BigUint64Array(MASK_WORDS);
  const cpu = getcpu();
  here[cpu >> 6] = 1n << BigInt(cpu & 63);
  if (setaffinity(0, here.byteLength, here) < 0) throw new Error(`the thread cannot be kept on CPU ${cpu}`);
  return () => void setaffinity(0, before.byteLength, before);
}
