/**
 * Tracepoints of the running process: events with typed fields, programs that run on them, and the tree of files that shows
 * and switches them, laid out and worded like tracefs.
 */
export { defineTracepoint, TracepointRegistry, tracepoints } from './registry.ts';
export { Tracepoint } from './tracepoint.ts';
export type { Emitter, TracepointHooks, TracepointListener } from './tracepoint.ts';
export { COMMON_FIELDS, layoutRecord } from './fields.ts';
export type { EventValues, Field, Fields, FieldType, FieldValue, NumberType, RecordLayout } from './fields.ts';
export { formatOf, formatText, parseFormat, printFormat } from './format.ts';
export type { EventFormat, FormatField } from './format.ts';
export { headerText, typesText } from './header.ts';
export { TraceHost } from './host.ts';
export type { SectionAttachOptions, TraceHostOptions } from './host.ts';
export type { Timers } from './interval.ts';
export { HostEvent } from './host-event.ts';
export { TraceLink } from './trace-link.ts';
export type { TraceAttachOptions } from './trace-link.ts';
export type { ProgramIds, ProgramInfo, ProgramRef } from './program-ref.ts';
export { TracePipe } from './trace-pipe.ts';
export type { TracePipeOptions } from './trace-pipe.ts';
