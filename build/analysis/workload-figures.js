import { Histogram } from "./histogram.js";
import { NO_TIME } from "./task-columns.js";
export class WorkloadFigures {
    #kinds;
    /** By kind. */
    #wake = [];
    #request = [];
    #units = [];
    constructor(kinds) {
        this.#kinds = kinds;
    }
    /** A task of the kind was switched in so long after its wakeup. */
    woke(kind, latencyNs) {
        (this.#wake[kind] ??= new Histogram()).add(latencyNs);
    }
    /** A task of the kind has done some units of work; `latencyNs` < 0: not timed. `counts`: within the window. */
    worked(kind, units, latencyNs, counts) {
        this.#units[kind] = (this.#units[kind] ?? 0) + (counts ? units : 0);
        if (counts && latencyNs >= 0)
            (this.#request[kind] ??= new Histogram()).add(latencyNs);
    }
    /** Forgets what was counted, but not who works. */
    restart() {
        for (const histogram of this.#wake)
            histogram?.clear();
        for (const histogram of this.#request)
            histogram?.clear();
        this.#units.forEach((_, kind) => {
            this.#units[kind] = 0;
        });
    }
    /** CPU times in the columns have to be complete. */
    list(list, tasks, window, nrCpus, observed) {
        const groups = this.#groups(tasks, window);
        const seconds = (window.toNs - window.fromNs) / 1e9;
        for (const group of groups)
            list.add('makespan_ms.{kind}', group.makespanMs, group.name);
        for (const group of groups) {
            const units = sumKnown(group.kinds.map((kind) => this.#units[kind]));
            list.add('throughput.{kind}', units === null ? null : units / seconds, group.name);
        }
        for (const group of groups) {
            addQuantiles(list, 'request_latency_us.{kind}.{quantile}', merged(this.#request, group.kinds), group.name);
        }
        const wakes = groups.map((group) => merged(this.#wake, group.kinds));
        groups.forEach(({ name }, i) => {
            list.add('wake_latency_us.{kind}.n', observed.waits ? wakes[i].count : null, name);
        });
        groups.forEach(({ name }, i) => {
            addQuantiles(list, 'wake_latency_us.{kind}.{quantile}', wakes[i], name);
        });
        for (const group of groups)
            list.add('tasks.{kind}', group.shares.length, group.name);
        const known = (value) => (observed.switches ? value : null);
        for (const group of groups)
            list.add('cpu_ms.{kind}', known(group.cpuNs / 1e6), group.name);
        for (const group of groups)
            list.add('cpu_share.{kind}', known(group.cpuNs / (seconds * 1e9 * nrCpus)), group.name);
        for (const { name, shares } of groups) {
            const n = shares.length;
            for (const [rank, i] of [
                ['min', 0],
                ['median', n >> 1],
                ['max', n - 1],
            ]) {
                list.add('share.{kind}.{rank}', n === 0 ? null : known(shares[i]), name, rank);
            }
        }
        for (const { name, shares } of groups) {
            list.add('share_spread.{kind}', shares.length === 0 ? null : known(shares.at(-1) - shares[0]), name);
        }
        for (const { name, shares } of groups)
            list.add('jain.{kind}', observed.switches ? jainIndex(shares) : null, name);
    }
    /** `all`, then the kinds by name. */
    #groups(tasks, window) {
        let firstNs = Number.POSITIVE_INFINITY;
        const members = this.#kinds.names.map(() => []);
        for (let task = 0; task < tasks.length; task++) {
            const kind = tasks.kind[task];
            if (kind < 0)
                continue;
            members[kind].push(task);
            firstNs = Math.min(firstNs, tasks.bornNs[task]);
        }
        const sorted = this.#kinds.sorted();
        const all = { name: 'all', kinds: sorted };
        return [all, ...sorted.map((kind) => ({ name: figureKind(this.#kinds.names[kind]), kinds: [kind] }))].map((group) => {
            const own = group.kinds.flatMap((kind) => members[kind]);
            return { ...group, ...summarize(own, tasks, window, firstNs) };
        });
    }
}
/** The name that a kind has in figures. */
export function figureKind(kind) {
    return kind === 'all' ? 'all (kind)' : kind;
}
function summarize(members, tasks, { fromNs, toNs }, firstNs) {
    let lastNs = members.length === 0 ? NO_TIME : 0;
    let cpuNs = 0;
    const shares = [];
    for (const task of members) {
        const exit = tasks.exitNs[task];
        lastNs = exit === NO_TIME || lastNs === NO_TIME ? NO_TIME : Math.max(lastNs, exit);
        cpuNs += tasks.cpuNs[task];
        const existed = (exit === NO_TIME ? toNs : Math.min(exit, toNs)) - Math.max(tasks.bornNs[task], fromNs);
        // an exiting task still runs for a moment: it has no more than all of its time
        if (existed > 0)
            shares.push(Math.min(1, tasks.cpuNs[task] / existed));
    }
    const makespanMs = lastNs === NO_TIME ? null : (lastNs - firstNs) / 1e6;
    return { makespanMs, cpuNs, shares: Float64Array.from(shares).sort() };
}
/** (Σx)² / (n Σx²); null if there is nothing to divide. */
export function jainIndex(shares) {
    let sum = 0;
    let squares = 0;
    for (const x of shares) {
        sum += x;
        squares += x * x;
    }
    return squares === 0 ? null : (sum * sum) / (shares.length * squares);
}
function merged(histograms, kinds) {
    const all = new Histogram();
    for (const kind of kinds) {
        const histogram = histograms[kind];
        if (histogram !== undefined)
            all.merge(histogram);
    }
    return all;
}
function addQuantiles(list, pattern, histogram, kind) {
    for (const [name, p] of [
        ['p50', 0.5],
        ['p95', 0.95],
        ['p99', 0.99],
        ['max', 1],
    ]) {
        const ns = histogram.quantile(p);
        list.add(pattern, ns === null ? null : ns / 1e3, kind, name);
    }
}
function sumKnown(values) {
    const known = values.filter((value) => value !== undefined);
    return known.length === 0 ? null : known.reduce((a, b) => a + b, 0);
}
