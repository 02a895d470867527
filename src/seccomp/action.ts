/**
 * What a filter returns (uapi linux/seccomp.h, seccomp(2)): the upper 16 bits are the action, the lower ones its data. Of
 * several filters the least permissive action holds, as signed numbers the least; among equals that of the filter installed
 * last, with its data. An action that does not exist kills the process.
 */
import { errnoName } from '../errors/index.ts';

export const SECCOMP_RET = {
  KILL_PROCESS: 0x8000_0000,
  KILL_THREAD: 0,
  TRAP: 0x0003_0000,
  ERRNO: 0x0005_0000,
  USER_NOTIF: 0x7fc0_0000,
  TRACE: 0x7ff0_0000,
  LOG: 0x7ffc_0000,
  ALLOW: 0x7fff_0000,
} as const;

export type SeccompAction = keyof typeof SECCOMP_RET;

const NAMES = new Map(Object.entries(SECCOMP_RET).map(([name, value]) => [value as number, name as SeccompAction]));
/** Larger errors are cut to it. */
const MAX_ERRNO = 4095;

/** The upper 16 bits as Linux compares them. */
const order = (returned: number): number => (returned & 0xffff_0000) | 0;

/** Whether a returned value takes the place of that of a filter that was installed later. */
export const isLessPermissive = (returned: number, than: number): boolean => order(returned) < order(than);

/** For lists: least permissive first. */
export const byPermission = (a: number, b: number): number => order(a) - order(b) || a - b;

export interface Verdict {
  readonly action: SeccompAction;
  /** TRAP: `si_errno`; ERRNO: what the call answers, 0 to 4095; TRACE: the tracer's message; 0 for others. */
  readonly data: number;
}

/** What Linux does upon a returned value, 32 bits unsigned. */
export function verdictOf(returned: number): Verdict {
  const action = NAMES.get((returned & 0xffff_0000) >>> 0) ?? 'KILL_PROCESS';
  const data = returned & 0xffff;
  if (action === 'ERRNO') return { action, data: Math.min(data, MAX_ERRNO) };
  return { action, data: action === 'TRAP' || action === 'TRACE' ? data : 0 };
}

/** `ALLOW`, `ERRNO(EPERM)`, `TRAP(3)`, `KILL_PROCESS (0x12340000 is no action)`. */
export function formatVerdict(returned: number): string {
  const { action, data } = verdictOf(returned);
  if (action === 'ERRNO') return `ERRNO(${errnoName(data) ?? data})`;
  if (data !== 0) return `${action}(${data})`;
  if (NAMES.has((returned & 0xffff_0000) >>> 0)) return action;
  return `${action} (0x${returned.toString(16)} is no action)`;
}
