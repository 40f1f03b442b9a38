/**
 * Sets of CPUs that occur again and again while domains are built (spans, groups, balance masks), each kept once.
 *
 * A machine of 4096 CPUs has tens of thousands of domains and groups but few different sets, so that every set is
 * interned: equal sets are the same `Span` object, comparison is identity, and all owners share one mask and one list.
 */
import { maskCpus, maskEqual, maskOf } from "../machine/cpumask.js";
export class SpanTable {
    #nrCpus;
    #buckets = new Map();
    #count = 0;
    constructor(nrCpus) {
        this.#nrCpus = nrCpus;
    }
    /** The span of these CPUs, which must ascend. */
    of(cpus) {
        return this.#intern(maskOf(this.#nrCpus, Array.from(cpus)), Int32Array.from(cpus));
    }
    ofMask(mask) {
        return this.#intern(mask.slice(), Int32Array.from(maskCpus(mask)));
    }
    #intern(mask, cpus) {
        const weight = cpus.length;
        const first = weight === 0 ? -1 : cpus[0];
        // Sets that differ rarely agree in both lowest CPU and size, so a bucket holds one or two.
        const key = (first + 1) * (this.#nrCpus + 1) + weight;
        let bucket = this.#buckets.get(key);
        if (bucket === undefined)
            this.#buckets.set(key, (bucket = []));
        for (const span of bucket)
            if (maskEqual(span.mask, mask))
                return span;
        const span = { id: this.#count++, mask, cpus, weight, first, last: weight === 0 ? -1 : cpus[weight - 1] };
        bucket.push(span);
        return span;
    }
}
