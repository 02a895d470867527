/** Numbers for what slots of prog arrays name: positive, given again once they are free. */
export class ProgramNumbers<T> {
  readonly #items: (T | undefined)[] = [undefined];
  readonly #free: number[] = [];

  /** @returns the number of `item` from now on */
  add(item: T): number {
    const number = this.#free.pop() ?? this.#items.length;
    this.#items[number] = item;
    return number;
  }

  get(number: number): T | undefined {
    return this.#items[number];
  }

  remove(number: number): void {
    this.#items[number] = undefined;
    this.#free.push(number);
  }
}
