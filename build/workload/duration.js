/**
 * Times as people write them: `500us`, `1.5ms`, `1ms..8ms` (uniform), `exp(2ms)`, `lognormal(60us,0.8)` (median, sigma).
 */
import { MAX_NS } from "./check.js";
import { fixed } from "./program.js";
const UNITS = new Map([
    ['ns', 1],
    ['us', 1_000],
    ['µs', 1_000],
    ['ms', 1_000_000],
    ['s', 1_000_000_000],
]);
/** A range is drawn from in steps, of which there are at most so many. */
const MAX_STEPS = 1 << 21;
/** Nanoseconds of `1.5ms`; a bare `0` needs no unit, other bare figures only if `unit` says which. */
export function parseTimeNs(text, unit) {
    const m = /^(\d{1,16}(?:\.\d{1,9})?)([a-zµ]*)$/.exec(text.trim());
    if (m === null)
        return undefined;
    const factor = m[2] === '' ? (Number(m[1]) === 0 ? 1 : UNITS.get(unit ?? '')) : UNITS.get(m[2]);
    if (factor === undefined)
        return undefined;
    const ns = Math.round(Number(m[1]) * factor);
    return ns <= MAX_NS ? ns : undefined;
}
/** A duration of any kind, or undefined if the text is none. */
export function parseDuration(text, unit) {
    const range = text.split('..');
    if (range.length === 2) {
        const min = parseTimeNs(range[0], unit);
        const max = parseTimeNs(range[1], unit);
        return min === undefined || max === undefined || max < min ? undefined : uniform(min, max);
    }
    const call = /^(exp|lognormal)\(([^,()]+)(?:,([^,()]+))?\)$/.exec(text.trim());
    if (call === null) {
        const ns = parseTimeNs(text, unit);
        return ns === undefined ? undefined : fixed(ns);
    }
    const ns = parseTimeNs(call[2], unit);
    if (ns === undefined)
        return undefined;
    if (call[1] === 'exp')
        return call[3] === undefined ? { kind: 'exponential', meanNs: ns } : undefined;
    const sigma = /^\s*\d{1,3}(\.\d{1,9})?\s*$/.test(call[3] ?? '') ? Number(call[3]) : Number.NaN;
    return sigma <= 10 ? { kind: 'lognormal', medianNs: ns, sigma } : undefined;
}
/** Uniform between two times, both included, in whole microseconds if both are such. */
export function uniform(minNs, maxNs) {
    if (minNs === maxNs)
        return fixed(minNs);
    let stepNs = minNs % 1000 === 0 && maxNs % 1000 === 0 ? 1000 : 1;
    while ((maxNs - minNs) / stepNs > MAX_STEPS)
        stepNs *= 10;
    return { kind: 'uniform', minNs, maxNs, stepNs };
}
/** The longest that is likely: for choosing other times by it. */
export function typicalMaxNs(d) {
    switch (d.kind) {
        case 'fixed':
            return d.ns;
        case 'uniform':
            return d.maxNs;
        case 'exponential':
            return d.meanNs * 3;
        case 'lognormal':
            return d.medianNs * 3;
    }
}
