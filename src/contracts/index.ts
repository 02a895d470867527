/** What Linux promises and demands, as data: map rules, helper prototypes, context fields, return ranges, profiles. */
export type * from './map-desc.ts';
export * from './prog-type.ts';
export * from './attach.ts';
export * from './helpers-allowed.ts';
export * from './helpers-verify.ts';
export * from './helpers-refs.ts';
export * from './helper-structs.ts';
export * from './map-rules.ts';
export * from './map-struct.ts';
export * from './map-fields.ts';
export * from './kernel-structs.ts';
export * from './ctx-access.ts';
export * from './license.ts';
export * from './ctx-fields.ts';
export * from './helpers.ts';
export * from './return-range.ts';
export * from './sock-access.ts';
export * from './trusted-members.ts';
