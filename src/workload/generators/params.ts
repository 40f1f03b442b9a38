/**
 * Parameters of generators: each knows its default, its unit, what it means and how its text is read. The types of the
 * values that a generator's `build` is given follow from its parameters.
 *
 * A default (and what a user writes) may hold `{N/2}`: a figure worked out from the number of CPUs.
 */
import { didYouMean, UserError } from '../../base/errors.ts';
import { parseDuration, parseTimeNs } from '../duration.ts';
import { evaluateExpression } from '../expression.ts';
import { quote } from '../places.ts';
import type { Duration, Workload } from '../program.ts';

export interface Param<T> {
  /** Text of the default value. */
  readonly default: string;
  /** What values are: `tasks`, `time`, `time or range`, `yes or no`, or the choices. */
  readonly values: string;
  readonly doc: string;
  /** The value of a text whose expressions have been worked out; undefined if it is not one. */
  readonly parse: (text: string, nrCpus: number) => T | undefined;
}

type Params = Readonly<Record<string, Param<unknown>>>;

/** What `build` is given. */
type ValuesOf<P extends Params> = { readonly [K in keyof P]: P[K] extends Param<infer T> ? T : never };

interface GeneratorInput<P extends Params> {
  readonly name: string;
  readonly summary: string;
  /** What throughput counts, in the plural: `messages`. */
  readonly unit: string;
  /** What throughput and, where there is one, latency mean. */
  readonly measures: string;
  readonly params: P;
  /** Builds the workload; how long it runs is seen to elsewhere. */
  readonly build: (values: ValuesOf<P>, context: GeneratorContext) => Workload;
  /** Does it run until it is stopped? */
  readonly endless: boolean | ((values: ValuesOf<P>) => boolean);
}

interface GeneratorContext {
  readonly name: string;
  readonly nrCpus: number;
}

/** A generator whose parameters' types have been forgotten. */
export interface Generator {
  readonly name: string;
  readonly summary: string;
  readonly unit: string;
  readonly measures: string;
  readonly params: Params;
  readonly make: (texts: ReadonlyMap<string, string>, nrCpus: number) => Workload;
}

/** What every generator takes besides its own. */
const COMMON = {
  duration: time('auto', 'simulated time to stop at; auto: when all is done, or after 1s if it never is', {
    words: ['auto'],
  }),
  warmup: time('0', 'figures begin after this time'),
};

const ENDLESS_DURATION_NS = 1_000_000_000;

export function defineGenerator<const P extends Params>(input: GeneratorInput<P>): Generator {
  const params = { ...input.params, ...COMMON };
  return {
    name: input.name,
    summary: input.summary,
    unit: input.unit,
    measures: input.measures,
    params,
    make(texts, nrCpus) {
      const values = valuesOf(input.name, params, texts, nrCpus) as ValuesOf<P> & ValuesOf<typeof COMMON>;
      const workload = input.build(values, { name: input.name, nrCpus });
      const endless = typeof input.endless === 'boolean' ? input.endless : input.endless(values);
      const { duration, warmup } = values as ValuesOf<typeof COMMON>;
      return {
        ...workload,
        unit: input.unit,
        durationNs: duration ?? (endless ? ENDLESS_DURATION_NS : null),
        warmupNs: warmup ?? 0,
      };
    },
  };
}

function valuesOf(
  generator: string,
  params: Params,
  texts: ReadonlyMap<string, string>,
  nrCpus: number,
): Record<string, unknown> {
  const known = Object.keys(params);
  for (const key of texts.keys())
    if (!known.includes(key))
      throw new UserError('workload', `${generator} has no parameter ${quote(key)}`, {}, didYouMean(key, known));
  const values: Record<string, unknown> = {};
  for (const [key, param] of Object.entries(params)) {
    const text = texts.get(key) ?? param.default;
    const value = param.parse(expand(text, nrCpus), nrCpus);
    if (value === undefined)
      throw new UserError('workload', `${generator}: ${key} is ${quote(text)}`, {}, `it should be ${param.values}`);
    values[key] = value;
  }
  return values;
}

function expand(text: string, nrCpus: number): string {
  return text.replace(/\{([^{}]*)\}/g, (_, inner: string) => String(evaluateExpression(inner, nrCpus)));
}

interface CountOptions {
  readonly min?: number;
  readonly max?: number;
}

/** A whole number. */
export function count(def: string | number, doc: string, options: CountOptions = {}): Param<number> {
  const { min = 0, max = 1_000_000 } = options;
  return {
    default: String(def),
    values: `a whole number within ${min}..${max}`,
    doc,
    parse: (text) => {
      const value = /^-?\d{1,12}$/.test(text) ? Number(text) : Number.NaN;
      return value >= min && value <= max ? value : undefined;
    },
  };
}

/** A whole number of at least one, or `auto`, which gives 0. */
export function autoCount(doc: string, max = 1_000_000): Param<number> {
  const inner = count(1, doc, { min: 1, max });
  return {
    default: 'auto',
    values: `auto, or ${inner.values}`,
    doc,
    parse: (text, nrCpus) => (text === 'auto' ? 0 : inner.parse(text, nrCpus)),
  };
}

/** One of some words. */
export function choice<const C extends readonly string[]>(choices: C, def: C[number], doc: string): Param<C[number]> {
  return {
    default: def,
    values: choices.join(' or '),
    doc,
    parse: (text) => choices.find((c) => c === text),
  };
}

export function flag(def: boolean, doc: string): Param<boolean> {
  return {
    default: def ? 'yes' : 'no',
    values: 'yes or no',
    doc,
    parse: (text) =>
      ['yes', 'true', '1'].includes(text) ? true : ['no', 'false', '0'].includes(text) ? false : undefined,
  };
}

interface TimeOptions {
  /** Unit of a bare figure. */
  readonly unit?: string;
  /** Words that stand for no time, and give null. */
  readonly words?: readonly string[];
}

/** A fixed time in ns. */
export function time(def: string, doc: string, options: TimeOptions = {}): Param<number | null> {
  const { words = [] } = options;
  return {
    default: def,
    values: ['a time like 500us', ...words].join(', or '),
    doc,
    parse: (text) => (words.includes(text) ? null : parseTimeNs(text, options.unit)),
  };
}

/** A time that may be random. */
export function duration(def: string, doc: string, unit?: string): Param<Duration> {
  return {
    default: def,
    values: `a time like 500us, 1ms..8ms, exp(2ms) or lognormal(60us,0.8)${unit === undefined ? '' : `, or ${unit}`}`,
    doc,
    parse: (text) => parseDuration(text, unit),
  };
}

export function nice(): Param<number> {
  return count(0, 'nice value', { min: -20, max: 19 });
}

/** CPUs as `0-3+8`: the comma separates parameters. null: all. */
export function cpus(doc: string): Param<readonly number[] | null> {
  return {
    default: 'all',
    values: 'all, or CPUs of the machine like 0-3+8',
    doc,
    parse: (text, nrCpus) => {
      if (text === 'all') return null;
      const set = new Set<number>();
      for (const part of text.split('+')) {
        const m = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(part);
        if (m === null) return undefined;
        const last = Number(m[2] ?? m[1]);
        if (last < Number(m[1]) || last >= nrCpus) return undefined;
        for (let cpu = Number(m[1]); cpu <= last; cpu++) set.add(cpu);
      }
      return [...set].sort((a, b) => a - b);
    },
  };
}
