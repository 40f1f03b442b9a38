/**
 * Parameters of generators: each knows its default, its unit, what it means and how its text is read. The types of the
 * values that a generator's `build` is given follow from its parameters.
 *
 * A default (and what a user writes) may hold `{N/2}`: a figure worked out from the number of CPUs.
 */
import { didYouMean, UserError } from "../../base/errors.js";
import { parseDuration, parseTimeNs } from "../duration.js";
import { evaluateExpression } from "../expression.js";
import { quote } from "../places.js";
/** What every generator takes besides its own. */
const COMMON = {
    duration: time('auto', 'simulated time to stop at; auto: when all is done, or after 1s if it never is', {
        words: ['auto'],
    }),
    warmup: time('0', 'figures begin after this time'),
};
const ENDLESS_DURATION_NS = 1_000_000_000;
export function defineGenerator(input) {
    const params = { ...input.params, ...COMMON };
    return {
        name: input.name,
        summary: input.summary,
        unit: input.unit,
        measures: input.measures,
        params,
        make(texts, nrCpus) {
            const values = valuesOf(input.name, params, texts, nrCpus);
            const workload = input.build(values, { name: input.name, nrCpus });
            const endless = typeof input.endless === 'boolean' ? input.endless : input.endless(values);
            const { duration, warmup } = values;
            return {
                ...workload,
                unit: input.unit,
                durationNs: duration ?? (endless ? ENDLESS_DURATION_NS : null),
                warmupNs: warmup ?? 0,
            };
        },
    };
}
function valuesOf(generator, params, texts, nrCpus) {
    const known = Object.keys(params);
    for (const key of texts.keys())
        if (!known.includes(key))
            throw new UserError('workload', `${generator} has no parameter ${quote(key)}`, {}, didYouMean(key, known));
    const values = {};
    for (const [key, param] of Object.entries(params)) {
        const text = texts.get(key) ?? param.default;
        const value = param.parse(expand(text, nrCpus), nrCpus);
        if (value === undefined)
            throw new UserError('workload', `${generator}: ${key} is ${quote(text)}`, {}, `it should be ${param.values}`);
        values[key] = value;
    }
    return values;
}
function expand(text, nrCpus) {
    return text.replace(/\{([^{}]*)\}/g, (_, inner) => String(evaluateExpression(inner, nrCpus)));
}
/** A whole number. */
export function count(def, doc, options = {}) {
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
export function autoCount(doc, max = 1_000_000) {
    const inner = count(1, doc, { min: 1, max });
    return {
        default: 'auto',
        values: `auto, or ${inner.values}`,
        doc,
        parse: (text, nrCpus) => (text === 'auto' ? 0 : inner.parse(text, nrCpus)),
    };
}
/** One of some words. */
export function choice(choices, def, doc) {
    return {
        default: def,
        values: choices.join(' or '),
        doc,
        parse: (text) => choices.find((c) => c === text),
    };
}
export function flag(def, doc) {
    return {
        default: def ? 'yes' : 'no',
        values: 'yes or no',
        doc,
        parse: (text) => ['yes', 'true', '1'].includes(text) ? true : ['no', 'false', '0'].includes(text) ? false : undefined,
    };
}
/** A fixed time in ns. */
export function time(def, doc, options = {}) {
    const { words = [] } = options;
    return {
        default: def,
        values: ['a time like 500us', ...words].join(', or '),
        doc,
        parse: (text) => (words.includes(text) ? null : parseTimeNs(text, options.unit)),
    };
}
/** A time that may be random. */
export function duration(def, doc, unit) {
    return {
        default: def,
        values: `a time like 500us, 1ms..8ms, exp(2ms) or lognormal(60us,0.8)${unit === undefined ? '' : `, or ${unit}`}`,
        doc,
        parse: (text) => parseDuration(text, unit),
    };
}
export function nice() {
    return count(0, 'nice value', { min: -20, max: 19 });
}
/** CPUs as `0-3+8`: the comma separates parameters. null: all. */
export function cpus(doc) {
    return {
        default: 'all',
        values: 'all, or CPUs of the machine like 0-3+8',
        doc,
        parse: (text, nrCpus) => {
            if (text === 'all')
                return null;
            const set = new Set();
            for (const part of text.split('+')) {
                const m = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(part);
                if (m === null)
                    return undefined;
                const last = Number(m[2] ?? m[1]);
                if (last < Number(m[1]) || last >= nrCpus)
                    return undefined;
                for (let cpu = Number(m[1]); cpu <= last; cpu++)
                    set.add(cpu);
            }
            return [...set].sort((a, b) => a - b);
        },
    };
}
