/**
 * Quantiles of Student's t distribution for whole degrees of freedom, with +, -, *, / and square roots only: these are the
 * same to the last bit in every engine, unlike exp, log, pow and atan.
 *
 *   P(|T| ≤ t), with θ = atan(t / √ν):
 *     ν even   sin θ (1 + 1/2 cos² θ + 1·3/(2·4) cos⁴ θ + ... to cos^(ν-2) θ)
 *     ν odd    2/π (θ + sin θ (cos θ + 2/3 cos³ θ + 2·4/(3·5) cos⁵ θ + ... to cos^(ν-2) θ))
 *
 * is solved for t by bisection. Above ν = 1000, where the series is long, the expansion of the quantile around the normal
 * one in powers of 1/ν is exact to more than ten digits.
 */
import { assert } from "../base/errors.js";
/** Confidence levels, and the normal quantile of (1 + level) / 2. */
const NORMAL = { 0.9: 1.6448536269514722, 0.95: 1.959963984540054, 0.99: 2.5758293035489004 };
const SERIES_LIMIT = 1000;
const known = new Map();
/** The t such that a variable of so many degrees of freedom is within -t..t with probability `confidence`. */
export function tQuantile(df, confidence = 0.95) {
    assert(Number.isInteger(df) && df >= 1, 'degrees of freedom are a whole number of at least 1');
    if (df > SERIES_LIMIT)
        return expansion(df, NORMAL[confidence]);
    const key = df + confidence;
    let t = known.get(key);
    if (t === undefined) {
        t = solve(df, confidence);
        known.set(key, t);
    }
    return t;
}
function solve(df, confidence) {
    let low = 0;
    let high = 1;
    while (within(df, high) < confidence)
        high *= 2;
    for (;;) {
        const middle = (low + high) / 2;
        if (middle <= low || middle >= high)
            return middle;
        if (within(df, middle) < confidence)
            low = middle;
        else
            high = middle;
    }
}
/** P(|T| ≤ t). */
function within(df, t) {
    const squaredCos = df / (df + t * t);
    const sin = t / Math.sqrt(df + t * t);
    const odd = df % 2 === 1;
    let term = odd ? Math.sqrt(squaredCos) : 1;
    let sum = df === 1 ? 0 : term;
    for (let power = odd ? 3 : 2; power <= df - 2; power += 2) {
        term *= (squaredCos * (power - 1)) / power;
        sum += term;
    }
    return odd ? (2 / Math.PI) * (arctan(t / Math.sqrt(df)) + sin * sum) : sin * sum;
}
/** atan of a number that is not negative: halved until small, then its power series. */
function arctan(x) {
    let reduced = x;
    let factor = 1;
    while (reduced > 0.1) {
        reduced = reduced / (1 + Math.sqrt(1 + reduced * reduced));
        factor *= 2;
    }
    const square = reduced * reduced;
    let sum = 0;
    for (let power = 17; power >= 1; power -= 2)
        sum = 1 / power - square * sum;
    return factor * reduced * sum;
}
/** Hill's expansion of the quantile. */
function expansion(df, z) {
    const z2 = z * z;
    const first = (z * (z2 + 1)) / 4;
    const second = (z * ((5 * z2 + 16) * z2 + 3)) / 96;
    const third = (z * (((3 * z2 + 19) * z2 + 17) * z2 - 15)) / 384;
    return z + (first + (second + third / df) / df) / df;
}
