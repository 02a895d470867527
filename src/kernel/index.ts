/** The userspace subsystem: programs, maps and BTF in this process, behind the seam of the real kernel. */
export { createKernel } from './kernel.ts';
export type { Kernel, KernelOptions } from './kernel.ts';
export type { EventField, KernelEvent } from './attach.ts';
export type { EventArg, EventAttachOptions, EventAttachment, EventShape } from '../hooks/index.ts';
export type { AttachedStats, EngineName, PacketBatch, PreparedRun, ProgramInspection } from '../hooks/index.ts';
export { LiveTimers } from './live-timers.ts';
export type { LiveTimersOptions } from './live-timers.ts';
export { setSocketOption } from './socket-options.ts';
