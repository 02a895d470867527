/** Events of a live Node thread, and programs that run on them. */
export { createProcessKernel, openTraceHost, startTracing, thisTask } from './host.ts';
export type { Tracing, TracingOptions } from './host.ts';
export { defineChannel, defineNodeEvents, defineTracingChannel, tracepointName } from './define.ts';
export type { ChannelOptions } from './define.ts';
export type { NodeEvent, Source } from './source.ts';
export { FIELD_NOTES, NODE_EVENTS } from './table.ts';
// What applications need beside these.
export { defineTracepoint, TraceHost } from '../../tracing/index.ts';
export type { Fields, FieldType, TraceAttachOptions, TraceLink, Tracepoint } from '../../tracing/index.ts';
