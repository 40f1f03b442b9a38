/** Books kept by kind, opened when a kind first occurs. */
export class ByKind<T> {
  readonly #kinds = new Map<string, T>();
  readonly #open: () => T;

  constructor(open: () => T) {
    this.#open = open;
  }

  of(name: string): T {
    let kind = this.#kinds.get(name);
    if (kind === undefined) {
      kind = this.#open();
      this.#kinds.set(name, kind);
    }
    return kind;
  }

  result(): Readonly<Record<string, T>> {
    return Object.fromEntries(this.#kinds);
  }
}
