/**
 * Statistics of repeated runs, and of two policies run on the same seeds.
 *
 * Runs are paired: run i of a policy and run i of the baseline have the same workload, seed and start, so much of what
 * varies from run to run is in both and cancels in the difference d = x - b. What is claimed is about the mean of d:
 *
 *   percent = 100 mean(d) / mean(b)        interval: 100 (mean(d) ± t sd(d) / √n) / mean(b),  t of n - 1 degrees
 *
 * The interval contains the true mean difference in 95 of 100 comparisons, if the differences are about normal. mean(b) is
 * taken as given. Everything is sums in the order of the runs and square roots, so results are the same in every engine.
 */
import { assert } from "../base/errors.js";
import { tQuantile } from "./student-t.js";
export function mean(values) {
    assert(values.length > 0, 'a mean is of something');
    let sum = 0;
    for (const x of values)
        sum += x;
    return sum / values.length;
}
/** Standard deviation of the sample (n - 1); null for one value. */
export function standardDeviation(values) {
    if (values.length < 2)
        return null;
    const m = mean(values);
    let squares = 0;
    for (const x of values)
        squares += (x - m) * (x - m);
    return Math.sqrt(squares / (values.length - 1));
}
/** The value that a share `p` (0..1) is below, between the two nearest values in proportion. */
export function quantile(values, p) {
    assert(values.length > 0 && p >= 0 && p <= 1, 'a quantile of 0..1 is of something');
    const sorted = Float64Array.from(values).sort();
    const rank = p * (sorted.length - 1);
    const below = Math.floor(rank);
    const low = sorted[below];
    const high = sorted[Math.min(below + 1, sorted.length - 1)];
    return low === high ? low : low + (rank - below) * (high - low);
}
export function median(values) {
    return quantile(values, 0.5);
}
export function summarize(values) {
    return {
        n: values.length,
        mean: mean(values),
        sd: standardDeviation(values),
        min: Math.min(...values),
        median: median(values),
        max: Math.max(...values),
    };
}
export function pairedDifference(policy, baseline, confidence = 0.95) {
    assert(policy.length === baseline.length, 'paired runs are equally many');
    const n = policy.length;
    if (n === 0) {
        return { n, difference: null, percent: null, low: null, high: null, reason: 'no pair of runs observed it' };
    }
    const differences = policy.map((x, i) => x - baseline[i]);
    const difference = mean(differences);
    const base = mean(baseline);
    if (base === 0) {
        return { n, difference, percent: null, low: null, high: null, reason: 'the mean of the baseline is 0' };
    }
    const percent = (100 * difference) / base;
    const sd = standardDeviation(differences);
    if (sd === null)
        return { n, difference, percent, low: null, high: null, reason: 'one pair of runs has no interval' };
    const half = Math.abs((100 * tQuantile(n - 1, confidence) * sd) / Math.sqrt(n) / base);
    return { n, difference, percent, low: percent - half, high: percent + half, reason: null };
}
/**
 * What an interval of differences shows. Null for a figure of which neither more nor less is better; without an interval,
 * nothing is shown.
 */
export function verdict(low, high, better) {
    if (better === null)
        return null;
    if (low === null || high === null || (low <= 0 && high >= 0))
        return 'no difference shown';
    return low > 0 === (better === 'more') ? 'better' : 'worse';
}
