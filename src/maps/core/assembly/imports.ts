/** What the core asks JavaScript for. All of it is rare: nothing here is called on a hot path. */

/** Give a map more elements: UNUSED to UNUSED_END. Grows the memory. @returns false: the memory is exhausted */
export declare function grow(map: u32): bool;

/** Throw an error that names the map: its memory cannot be what the core wrote. Does not return. */
export declare function corrupt(map: u32, what: u32): void;

/** An operation (see `OPERATION`) on a map of a type that is written in JavaScript. */
export declare function foreign(operation: u32, map: u32, key: u32, value: u32, flags: u32, cpu: u32): i32;
