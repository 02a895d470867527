/**
 * Filter expressions of tracefs (Documentation/trace/events.rst, "Event filtering"):
 *
 *     total > 5 && (country == "DE" || !(flags & 0x3)) && url ~ "/api/*"
 *
 * `!` binds closest, then `&&`, then `||`. Numbers take `== != < <= > >= &`, texts `== != ~`; `~` is a glob of `*`, `?` and
 * `[…]`. Numbers are decimal, hexadecimal (`0x`) or octal (`0`), negative only for signed fields; texts stand in quotes of
 * either kind, without escapes. The common fields can be asked as well.
 *
 * Refuses what Linux refuses, with its words and its caret (measured on 6.18), and a missing operand, which Linux passes at the
 * end of a filter. The errno is always EINVAL, where Linux has EPERM, ENOENT and ESRCH for what stands in the wrong place.
 */
import { BpfError, ERRNO } from '../errors/index.ts';
import type { Field } from './fields.ts';

export type NumberOperator = '==' | '!=' | '<' | '<=' | '>' | '>=' | '&';
export type TextOperator = '==' | '!=' | '~';

export type FilterNode =
  | { readonly kind: 'and' | 'or'; readonly nodes: readonly FilterNode[] }
  | { readonly kind: 'not'; readonly node: FilterNode }
  | { readonly kind: 'number'; readonly field: Field; readonly operator: NumberOperator; readonly value: bigint }
  | { readonly kind: 'text'; readonly field: Field; readonly operator: TextOperator; readonly text: string };

/** A filter that is wrong: EINVAL, and what tracefs shows of it. */
export class FilterError extends BpfError {
  /** `Field not found`, … */
  readonly problem: string;
  /** The expression, a line with `^` under the place, and `parse_error: …`. */
  readonly shown: string;

  /** @param caret characters from the start of the text */
  constructor(text: string, caret: number, problem: string) {
    const shown = `${text}\n${' '.repeat(Math.min(caret, text.length))}^\nparse_error: ${problem}`;
    super(ERRNO.EINVAL, 'filter', `\n${shown}`);
    this.name = 'FilterError';
    this.problem = problem;
    this.shown = shown;
  }
}

/** A page, its NUL included. */
const MAX_LENGTH = 4095;
/** Parentheses inside each other. */
const MAX_DEPTH = 256;
const OPERATORS = ['==', '!=', '~', '<=', '<', '>=', '>', '&'] as const;
const SIGNED = { least: -(2n ** 63n), most: 2n ** 63n - 1n };
const UNSIGNED = { least: 0n, most: 2n ** 64n - 1n };

/** @throws FilterError */
export function parseFilter(given: string, fields: ReadonlyMap<string, Field>): FilterNode {
  const text = given.trimEnd();
  if (text.length > MAX_LENGTH) throw new FilterError(`${text.slice(0, 60)}…`, 0, 'Filter too long');
  checkPairs(text);
  return new Parser(text, fields).whole();
}

/** That quotes and parentheses come in pairs. */
function checkPairs(text: string): void {
  const open: number[] = [];
  let quote = -1;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (quote >= 0) {
      if (char === text[quote]) quote = -1;
    } else if (char === '"' || char === "'") quote = at;
    else if (char === '(' && open.push(at) > MAX_DEPTH) throw new FilterError(text, at, "Too many '('");
    else if (char === ')' && open.pop() === undefined) throw new FilterError(text, at, "Too few '('");
  }
  if (quote >= 0) throw new FilterError(text, quote, 'Missing matching quote');
  const last = open.pop();
  if (last !== undefined) throw new FilterError(text, last, "Too many '('");
}

class Parser {
  readonly #text: string;
  readonly #fields: ReadonlyMap<string, Field>;
  #at = 0;

  constructor(text: string, fields: ReadonlyMap<string, Field>) {
    this.#text = text;
    this.#fields = fields;
  }

  whole(): FilterNode {
    const node = this.#list('or', '||', () => this.#list('and', '&&', () => this.#term()));
    this.#skip();
    if (this.#at < this.#text.length) this.#fail(this.#at, 'Too many terms in predicate expression');
    return node;
  }

  #list(kind: 'and' | 'or', word: string, part: () => FilterNode): FilterNode {
    const nodes = [part()];
    while (this.#take(word)) nodes.push(part());
    return nodes.length === 1 ? nodes[0] : { kind, nodes };
  }

  #term(): FilterNode {
    let negated = false;
    while (this.#take('!')) negated = !negated;
    const node = this.#take('(') ? this.#parenthesised() : this.#predicate();
    return negated ? { kind: 'not', node } : node;
  }

  #parenthesised(): FilterNode {
    const node = this.#list('or', '||', () => this.#list('and', '&&', () => this.#term()));
    if (!this.#take(')')) this.#fail(this.#at, 'Too many terms in predicate expression');
    return node;
  }

  #predicate(): FilterNode {
    this.#skip();
    if (this.#at === this.#text.length || /[&|)]/.test(this.#text[this.#at])) this.#fail(this.#at, 'No filter found');
    const name = this.#match(/\w*/y);
    const field = this.#fields.get(name) ?? this.#fail(this.#at + 1, 'Field not found');
    this.#skip();
    const operator = OPERATORS.find((one) => this.#take(one)) ?? this.#fail(this.#at + 1, 'Invalid operator');
    this.#skip();
    // Linux has the caret behind the first character of a value that is wrong.
    const start = this.#at;
    const wrong = (problem: string): never => this.#fail(start + 1, problem);
    const quoted = this.#match(/(["']).*?\1/sy);
    if (quoted !== '') {
      if (field.kind !== 'text') return wrong('Expecting numeric field');
      if (operator !== '==' && operator !== '!=' && operator !== '~') return wrong('Illegal operation for field type');
      return { kind: 'text', field, operator, text: quoted.slice(1, -1) };
    }
    const digits = this.#match(/-[0-9A-Za-z]*|[0-9][0-9A-Za-z]*/y);
    if (digits === '') return wrong('Invalid value (did you forget quotes)?');
    if (field.kind === 'text') return wrong('Expecting string field');
    if (operator === '~') return wrong('Illegal operation for field type');
    const value = integer(digits);
    const { least, most } = field.signed ? SIGNED : UNSIGNED;
    if (value === undefined || value < least || value > most) return wrong('Illegal integer value');
    return { kind: 'number', field, operator, value };
  }

  #fail(caret: number, problem: string): never {
    throw new FilterError(this.#text, caret, problem);
  }

  #skip(): void {
    this.#match(/\s*/y);
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }

  #take(word: string): boolean {
    this.#skip();
    if (!this.#text.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }
}

/** As `kstrtoll(…, 0)` reads it. */
function integer(text: string): bigint | undefined {
  const digits = text.replace('-', '');
  if (!/^(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)$/.test(digits)) return undefined;
  const value = BigInt(/^0\d/.test(digits) ? `0o${digits.slice(1)}` : digits);
  return text === digits ? value : -value;
}
