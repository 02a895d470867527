/**
 * What is known of every helper, by id: its name, whether only GPL-compatible programs may call it, and whether this
 * project's subsystem can run it or only verify it.
 */
import { ATTACH_TYPE, HELPER_NAMES, PROG_TYPE } from '../uapi/index.ts';

/**
 * Called from a program with the licence `Proprietary`, each of these is refused with "cannot call GPL-restricted function
 * from non-GPL compatible program". Measured on Linux 6.18, with every program type that may call the helper.
 */
const GPL_ONLY =
  '4 6 22 25 27 35 45 55-56 67 69 100 110-115 119 121 126-127 150 158 163 165 169-173 175-177 191 204-207';

/** Not measured: no program type that this kernel loads under another licence may call them. */
const UNKNOWN = '36 58 77-78 92 116 145-146 159 161 183-185 193';

/** Implemented in src/helpers; tail calls by the engines. */
const RUNS =
  '1-12 14-19 23-28 31-34 37-48 50-51 54 65 67-68 79-81 83-89 93-95 97 99 105-108 112-115 118 122-123 125 130-135 145-146 148 ' +
  '151-152 155-157 160 164-165 169-172 177 181-182 188-190 194-195 197-203 208-211';

/** Probes of many functions at once. */
const MULTI: readonly number[] = [
  ATTACH_TYPE.TRACE_KPROBE_MULTI,
  ATTACH_TYPE.TRACE_KPROBE_SESSION,
  ATTACH_TYPE.TRACE_UPROBE_MULTI,
  ATTACH_TYPE.TRACE_UPROBE_SESSION,
];

/** `4 6-8` to the set of these numbers. */
function ids(ranges: string): ReadonlySet<number> {
  const set = new Set<number>();
  for (const range of ranges.split(' ')) {
    const [first, last = first] = range.split('-').map(Number);
    for (let id = first; id <= last; id++) set.add(id);
  }
  return set;
}

const gplOnly = ids(GPL_ONLY);
const unknown = ids(UNKNOWN);
const runs = ids(RUNS);

export interface HelperInfo {
  readonly id: number;
  /** With `bpf_`. */
  readonly name: string;
  /** Undefined where it could not be measured. */
  readonly gplOnly: boolean | undefined;
  /** `verify-only`: loading a program that calls it into the userspace subsystem answers -ENOTSUPP. */
  readonly runs: 'userspace' | 'verify-only';
}

/** All helpers; index is the id, 0 is `unspec` and no helper. */
export const HELPERS: readonly HelperInfo[] = HELPER_NAMES.map((name, id) => ({
  id,
  name: `bpf_${name}`,
  gplOnly: unknown.has(id) ? undefined : gplOnly.has(id),
  runs: runs.has(id) ? 'userspace' : 'verify-only',
}));

/** Whether a program must be GPL-compatible to call helper `id`: two are free where the type has a form of its own. */
export function isGplOnly(id: number, progType: number, attachType: number): boolean {
  const { name, gplOnly } = HELPERS[id];
  if (name === 'bpf_get_stackid') return progType !== PROG_TYPE.PERF_EVENT;
  if (name === 'bpf_get_func_ip' && progType === PROG_TYPE.KPROBE) return !MULTI.includes(attachType);
  return gplOnly ?? false;
}
