/** The address space that programs run in, and when memory may be reused. */
export * from './address-space.ts';
export * from './rcu.ts';
export * from './layout.ts';
