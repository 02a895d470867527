/** ELF → Spec → linked → loaded, and the exchange format of single programs. */
export * from './exchange-index.ts';
