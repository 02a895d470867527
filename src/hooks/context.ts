/** Which context a program of each type runs in. */
import { PROG_TYPE } from '../uapi/index.ts';
import type { Context } from '../vm/index.ts';
import type { Cpu, ProgramImage } from './api.ts';

const SKB_TYPES: ReadonlySet<number> = new Set([
  PROG_TYPE.SOCKET_FILTER,
  PROG_TYPE.SCHED_CLS,
  PROG_TYPE.SCHED_ACT,
  PROG_TYPE.CGROUP_SKB,
  PROG_TYPE.LWT_IN,
  PROG_TYPE.LWT_OUT,
  PROG_TYPE.LWT_XMIT,
  PROG_TYPE.LWT_SEG6LOCAL,
]);

/** The context in which a program runs; undefined: plain memory. */
export function contextOf({ skbContext }: Cpu, { progType }: ProgramImage): Context | undefined {
  return SKB_TYPES.has(progType) ? skbContext : undefined;
}
