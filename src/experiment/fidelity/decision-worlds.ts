/**
 * What a rule decides where part of the state is not known: it is run in every state that is possible, "world" by world,
 * and has decided if it comes to the same outcome in all.
 *
 *   decide((worlds) => {
 *     rq.nrRunning[3] = worlds.either('CPU 3 is waking up') ? 1 : 0;     // both are tried
 *     return String(selectIdleSibling(...));
 *   })
 *
 * The worlds are enumerated by running the function again and again: each time the last choice that has an alternative
 * left takes its next one. So choices may depend on choices before, and what is not asked for costs nothing.
 */

export interface Decided {
  /** Null: it depends on what is not known. */
  readonly outcome: string | null;
  /** The first choice on which it depends. */
  readonly unknown: string;
}

/** Worlds that are tried before a decision is given up. */
const MAX_WORLDS = 256;
const MAX_OUTCOME_WORLDS = 1024;
const TOO_MUCH = 'too much is not known';

export class Worlds {
  readonly #taken: number[] = [];
  readonly #of: number[] = [];
  readonly #what: string[] = [];
  #at = 0;

  /** 0..n-1, one after the other. */
  choose(n: number, what: string): number {
    const at = this.#at++;
    if (at === this.#taken.length) {
      this.#taken.push(0);
      this.#of.push(n);
      this.#what.push(what);
    }
    return this.#taken[at]!;
  }

  either(what: string): boolean {
    return this.choose(2, what) === 1;
  }

  /** The next world; the choice that is taken otherwise in it, or null when there is none left. */
  next(): string | null {
    this.#at = 0;
    for (;;) {
      const last = this.#taken.length - 1;
      if (last < 0) return null;
      if (++this.#taken[last]! < this.#of[last]!) return this.#what[last]!;
      this.#taken.pop();
      this.#of.pop();
      this.#what.pop();
    }
  }
}

/** The outcome that `rule` has in all worlds. */
export function decide(rule: (worlds: Worlds) => string): Decided {
  const worlds = new Worlds();
  const outcome = rule(worlds);
  for (let n = 1; ; n++) {
    const unknown = worlds.next();
    if (unknown === null) return { outcome, unknown: '' };
    if (n === MAX_WORLDS) return { outcome: null, unknown: TOO_MUCH };
    if (rule(worlds) !== outcome) return { outcome: null, unknown };
  }
}

/** The outcomes that `rule` has in the worlds, and the first choice on which they depend; null if there are too many. */
export function outcomesOf(rule: (worlds: Worlds) => string): { outcomes: Set<string>; unknown: string } | null {
  const worlds = new Worlds();
  const outcomes = new Set([rule(worlds)]);
  let depends = '';
  for (let n = 1; ; n++) {
    const unknown = worlds.next();
    if (unknown === null) return { outcomes, unknown: depends };
    if (n === MAX_OUTCOME_WORLDS) return null;
    const before = outcomes.size;
    outcomes.add(rule(worlds));
    if (outcomes.size > before && depends === '') depends = unknown;
  }
}
