/** The interface of the patch set of July 2014 ("Extending extended BPF", LWN), on the userspace subsystem. */
export * from './constants.ts';
export type { Bytes } from './caller.ts';
export { readAttributes, writeAttributes } from './netlink.ts';
export type { Attribute, PayloadSize } from './netlink.ts';
export { Lwn2014, openLwn2014 } from './system.ts';
export type { Lwn2014Options } from './system.ts';
export type { Commands } from './wrappers.ts';
