/**
 * The kernel lab's summary of a record: the figures of each repetition, and over repetitions their mean, extremes and
 * standard deviation. Made from a recording it is the record's own `summary.json`; made from simulated runs of the same
 * scenario, it is what that is to be compared with.
 *
 *   trace of a repetition ─► LabRepetitionSink ─► figures ─┐
 *   schedstat before, after ─► labSchedstat ───────────────┼─► each repetition ─► overRepetitions
 *   time that a command printed ───────────────────────────┘
 */
import { IDLE_TYPES, schedstatDelta } from "../trace/schedstat.js";
import { roundTo } from "./decimal-round.js";
/** What is absent in a repetition counts as 0 where it is a count of events. */
const COUNTS = /^(migrations_by|load_balance|schedstat)/;
/** Domain counters that the summary has beside those of the three idle types. */
const DOMAIN_COUNTERS = [
    ['alb_count', 'albCount'],
    ['alb_failed', 'albFailed'],
    ['alb_pushed', 'albPushed'],
    ['ttwu_wake_remote', 'ttwuWakeRemote'],
    ['ttwu_move_affine', 'ttwuMoveAffine'],
    ['ttwu_move_balance', 'ttwuMoveBalance'],
];
const BALANCE_COUNTERS = [
    ['count', 'count'],
    ['balanced', 'balanced'],
    ['failed', 'failed'],
    ['imbalance', 'imbalance'],
    ['gained', 'gained'],
    ['hot_gained', 'hotGained'],
    ['nobusyq', 'nobusyq'],
    ['nobusyg', 'nobusyg'],
];
/**
 * Differences of two snapshots, summed over CPUs by the name of the domain. `domainName` tells the name of a CPU's domain
 * where the snapshots (before version 17) do not.
 */
export function labSchedstat(before, after, domainName = () => undefined) {
    const byName = {};
    for (const { cpu, domains } of schedstatDelta(before, after).cpus) {
        domains.forEach((domain, i) => {
            const name = domain.name === '' ? (domainName(cpu, i) ?? `domain${i}`) : domain.name;
            const sums = (byName[name] ??= {});
            const add = (counter, n) => {
                sums[counter] = (sums[counter] ?? 0) + n;
            };
            for (const idle of IDLE_TYPES) {
                for (const [counter, field] of BALANCE_COUNTERS)
                    add(`${idle}_${counter}`, domain.balance[idle][field]);
            }
            for (const [counter, field] of DOMAIN_COUNTERS)
                add(counter, domain[field]);
        });
    }
    return byName;
}
/** The numbers of nested figures by their full names: `share.hog.max`. */
export function flatFigures(figures, prefix = '') {
    const flat = new Map();
    for (const [name, value] of Object.entries(figures)) {
        if (typeof value === 'number')
            flat.set(prefix + name, value);
        else if (value !== null && !Array.isArray(value)) {
            for (const [inner, x] of flatFigures(value, `${prefix}${name}.`))
                flat.set(inner, x);
        }
    }
    return flat;
}
/** Every figure over the repetitions that have it, by name. */
export function overRepetitions(each) {
    const values = new Map();
    for (const figures of each) {
        for (const [name, value] of flatFigures(figures)) {
            const list = values.get(name);
            if (list === undefined)
                values.set(name, [value]);
            else
                list.push(value);
        }
    }
    const names = [...values.keys()].sort();
    return Object.fromEntries(names.map((name) => {
        const v = values.get(name);
        if (COUNTS.test(name))
            while (v.length < each.length)
                v.push(0);
        return [name, summarize(v)];
    }));
}
function summarize(v) {
    const n = v.length;
    const mean = v.reduce((a, b) => a + b, 0) / n;
    const squares = v.reduce((sum, x) => sum + (x - mean) * (x - mean), 0);
    return {
        mean: roundTo(mean, 6),
        min: Math.min(...v),
        max: Math.max(...v),
        sd: n > 1 ? roundTo(Math.sqrt(squares / (n - 1)), 6) : 0,
        n,
    };
}
