/**
 * Quantiles of many durations in little memory: a log-linear histogram over integers 0..2^53-1.
 *
 *   value      0 ─────── 255   256 ─────── 511   512 ───────── 1023   1024 ...
 *   bucket     one a value     128 of width 2    128 of width 4       128 of width 8
 *
 * A bucket is never wider than 1/128 of what is in it, and stands for its middle: a quantile is off by at most 0.4 % (and
 * exact below 256). The least, the greatest and the number of values are exact. The result depends on the values alone, not
 * on their order, and two histograms add up to that of both.
 */
import { assert } from "../base/errors.js";
const LINEAR = 256;
const SUB_BITS = 7;
const SUB = 1 << SUB_BITS;
/** Octaves above the linear part; 2^53 - 1 is in the last. */
const MAX_BUCKETS = LINEAR + (53 - 8) * SUB;
/** Most that a quantile differs from the value it stands for, relative to that value. */
export const HISTOGRAM_RELATIVE_ERROR = 1 / 256;
export class Histogram {
    /** Number of values. */
    count = 0;
    min = 0;
    max = 0;
    #buckets = new Float64Array(LINEAR + SUB);
    add(value) {
        const bucket = bucketOf(value);
        if (bucket >= this.#buckets.length)
            this.#grow(bucket);
        this.#buckets[bucket]++;
        if (this.count === 0 || value < this.min)
            this.min = value;
        if (value > this.max)
            this.max = value;
        this.count++;
    }
    /** Adds all values of another histogram. */
    merge(other) {
        if (other.count === 0)
            return;
        const theirs = other.#buckets;
        if (theirs.length > this.#buckets.length)
            this.#grow(theirs.length - 1);
        for (let i = 0; i < theirs.length; i++)
            this.#buckets[i] += theirs[i];
        if (this.count === 0 || other.min < this.min)
            this.min = other.min;
        if (other.max > this.max)
            this.max = other.max;
        this.count += other.count;
    }
    clear() {
        this.count = 0;
        this.min = 0;
        this.max = 0;
        this.#buckets.fill(0);
    }
    /**
     * The value that a share `p` (0..1) of the values is below: of n sorted values, number floor(p * n), or the last. Null if
     * there are none.
     */
    quantile(p) {
        if (this.count === 0)
            return null;
        const rank = Math.min(this.count - 1, Math.floor(p * this.count));
        if (rank === this.count - 1)
            return this.max;
        let below = 0;
        for (let bucket = 0; bucket < this.#buckets.length; bucket++) {
            below += this.#buckets[bucket];
            if (below > rank)
                return Math.min(this.max, Math.max(this.min, middleOf(bucket)));
        }
        return this.max;
    }
    #grow(bucket) {
        let length = this.#buckets.length;
        while (length <= bucket)
            length *= 2;
        const buckets = new Float64Array(Math.min(length, MAX_BUCKETS));
        buckets.set(this.#buckets);
        this.#buckets = buckets;
    }
}
function bucketOf(value) {
    if (value < LINEAR) {
        assert(value >= 0, 'a duration is not negative');
        return value;
    }
    // the octave by the number of leading zeros, in two halves because the value may have more than 32 bits
    const high = Math.floor(value / 4294967296);
    const octave = high === 0 ? 31 - Math.clz32(value) : 63 - Math.clz32(high);
    const width = powerOfTwo(octave - SUB_BITS);
    return LINEAR + (octave - 8) * SUB + Math.floor(value / width) - SUB;
}
function middleOf(bucket) {
    if (bucket < LINEAR)
        return bucket;
    const octave = 8 + Math.floor((bucket - LINEAR) / SUB);
    const width = powerOfTwo(octave - SUB_BITS);
    const low = (SUB + ((bucket - LINEAR) % SUB)) * width;
    return low + width / 2;
}
/** Exact in every engine, unlike Math.pow. */
function powerOfTwo(n) {
    return n < 31 ? 1 << n : (1 << 30) * (1 << (n - 30));
}
