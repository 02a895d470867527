/**
 * Licences that may call what is reserved for GPL-compatible programs. The strings are those of Linux's module loader
 * (Documentation/process/license-rules.rst); anything else is not compatible.
 */
const COMPATIBLE = new Set([
  'GPL',
  'GPL v2',
  'GPL and additional rights',
  'Dual BSD/GPL',
  'Dual MIT/GPL',
  'Dual MPL/GPL',
]);

export const isGplCompatible = (license: string): boolean => COMPATIBLE.has(license);
