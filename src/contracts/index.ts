/** What Linux promises and demands, as data: map rules, helper prototypes, context fields, return ranges, profiles. */
export type * from './map-desc.ts';
export * from './prog-type.ts';
export * from './helpers-allowed.ts';
export * from './helpers-verify.ts';
export * from './map-rules.ts';
export * from './ctx-access.ts';
export * from './license.ts';
export * from './ctx-fields.ts';
export * from './helpers.ts';
