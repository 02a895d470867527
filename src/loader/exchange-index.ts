/** The exchange format's part of the loader's contract. */
export { ExchangeRunner } from './exchange.ts';
export type { ExchangeAnswer, ExchangeBackend, ExchangeOptions, ExchangeRunAnswer } from './exchange.ts';
export { reasonOf, statsOf } from './exchange-log.ts';
export type { LogStats } from './exchange-log.ts';
export { capabilityBit, parseProgramObject } from './exchange-object.ts';
export type { ExchangeMap, ExchangeRun, ProgramObject } from './exchange-object.ts';
export { answerLine, answerLines } from './exchange-stream.ts';
export { toHex, fromHex } from './exchange-hex.ts';
