/** Error numbers and the error classes thrown above the seam. */
export * from './errno.ts';
export * from './errors.ts';
