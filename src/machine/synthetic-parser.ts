/**
 * The words of a synthetic machine:
 *
 *   pack:2 [numa(memory=1GB)] l3:4(size=32MB) core:8 pu:2(indexes=core)
 *   ──┬───  ────────┬───────  ─────┬─────────
 *   a level: so     beside each    attributes in parentheses
 *   many in each    object of the
 *   of the level    level before
 *   before
 *
 * Numbers without types are levels too: the types they then have depend on how many there are.
 */
import { didYouMean, UserError } from '../base/errors.ts';

export type LevelType = 'group' | 'package' | 'numa' | 'die' | 'core' | 'pu' | CacheLevelType;
export type CacheLevelType = `l${1 | 2 | 3 | 4 | 5}${'' | 'd' | 'i'}`;

export interface SyntheticWord {
  readonly type: LevelType | undefined;
  /** In each object of the level before; 1 for what is in brackets. */
  readonly count: number;
  readonly isBeside: boolean;
  /** Keys in lower case. */
  readonly attributes: ReadonlyMap<string, { readonly value: string; readonly at: number }>;
  /** Offset in the text. */
  readonly at: number;
}

/** hwloc knows no deeper machines. */
const MAX_LEVELS = 128;
const MAX_TEXT = 65_536;
const ATTRIBUTES = ['size', 'memory', 'indexes', 'memorysidecachesize'];

const NAMES: Readonly<Record<string, LevelType>> = {
  group: 'group',
  pack: 'package',
  package: 'package',
  socket: 'package',
  numa: 'numa',
  numanode: 'numa',
  node: 'numa',
  die: 'die',
  core: 'core',
  pu: 'pu',
};

export function levelTypeOf(name: string): LevelType | undefined {
  const word = name.toLowerCase();
  const cache = /^l([1-5])([diu]?)(?:cache)?$/.exec(word);
  if (cache !== null) return `l${cache[1]}${cache[2] === 'u' ? '' : cache[2]}` as CacheLevelType;
  const plain = word.replace(/^group\d+$/, 'group');
  return Object.hasOwn(NAMES, plain) ? NAMES[plain] : undefined;
}

export class SyntheticText {
  readonly text: string;
  #at = 0;

  constructor(text: string) {
    this.text = text;
    if (text.length > MAX_TEXT) throw new UserError('limit', `a synthetic machine of ${text.length} characters`);
  }

  fail(what: string, at: number, hint = '', code: 'format' | 'limit' = 'format'): never {
    const shown = this.text.length > 80 ? `${this.text.slice(0, 80)}...` : this.text;
    throw new UserError(code, what, { file: `"${shown}"`, line: 1, column: at + 1 }, hint);
  }

  words(): SyntheticWord[] {
    const words: SyntheticWord[] = [];
    for (this.#skipSpace(); this.#at < this.text.length; this.#skipSpace()) {
      if (words.length === MAX_LEVELS) this.fail(`more than ${MAX_LEVELS} levels`, this.#at, '', 'limit');
      words.push(this.text[this.#at] === '[' ? this.#beside() : this.#level());
    }
    return words;
  }

  #level(): SyntheticWord {
    const at = this.#at;
    const name = this.#take(/[a-z]\w*/iy);
    let type: LevelType | undefined;
    if (name !== '') {
      type = this.#type(name, at);
      if (this.text[this.#at] !== ':') this.fail(`expected ":" and a number after "${name}"`, this.#at);
      this.#at++;
    }
    const countAt = this.#at;
    const digits = this.#take(/\d+/y);
    if (digits === '') this.fail(name === '' ? 'expected a level' : 'expected a number', countAt, 'such as core:4');
    const count = Number(digits);
    if (count === 0) this.fail('a level of 0 objects makes a machine without CPUs', countAt);
    const attributes = this.#attributes();
    this.#end();
    return { type, count, isBeside: false, attributes, at };
  }

  #beside(): SyntheticWord {
    const at = this.#at++;
    const nameAt = this.#at;
    const name = this.#take(/[a-z]\w*/iy);
    const type = this.#type(name, nameAt);
    if (type !== 'numa') this.fail(`"${name}" in brackets`, nameAt, 'only numa can stand beside a level');
    const attributes = this.#attributes();
    if (this.text[this.#at] !== ']') this.fail('expected "]"', this.#at);
    this.#at++;
    this.#end();
    return { type, count: 1, isBeside: true, attributes, at };
  }

  #type(name: string, at: number): LevelType {
    const hint = () => didYouMean(name.toLowerCase(), [...Object.keys(NAMES), 'l1', 'l2', 'l3']);
    return levelTypeOf(name) ?? this.fail(`unknown type "${name}"`, at, hint());
  }

  #attributes(): Map<string, { value: string; at: number }> {
    const found = new Map<string, { value: string; at: number }>();
    if (this.text[this.#at] !== '(') return found;
    const open = this.#at++;
    for (this.#skipSpace(); this.text[this.#at] !== ')'; this.#skipSpace()) {
      if (this.#at >= this.text.length) this.fail('this parenthesis is not closed', open);
      const at = this.#at;
      const key = this.#take(/[a-z]+/iy).toLowerCase();
      if (!ATTRIBUTES.includes(key)) this.fail(`unknown attribute "${key}"`, at, didYouMean(key, ATTRIBUTES));
      if (this.text[this.#at] !== '=') this.fail(`expected "=" after "${key}"`, this.#at);
      const valueAt = ++this.#at;
      found.set(key, { value: this.#take(/[^\s()]*/y), at: valueAt });
    }
    this.#at++;
    return found;
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }

  #end(): void {
    if (this.#at < this.text.length && !/[\s[]/.test(this.text[this.#at]!))
      this.fail(`unexpected "${this.text[this.#at]}"`, this.#at, 'levels are separated by spaces');
  }

  #skipSpace(): void {
    this.#take(/\s+/y);
  }
}
