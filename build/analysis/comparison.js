/**
 * The comparison of policies: every figure of every run side by side, and how each policy differs from the baseline.
 *
 *   figures of run 1..n ─┬─ baseline ─┐
 *                        ├─ policy P ─┼─► one row a figure: means, values, differences with their intervals
 *                        └─ policy Q ─┘
 *
 * Rows are in the order of the catalogue, figures it does not know at the end; within a pattern, in the order in which they
 * first appear. A count of something that did not occur in a run is 0 if the run shows that it was looked for
 * (`FigureSpec.zeroWith`); everything else that is absent or null stays null, and its pair of runs is left out of the difference,
 * which is said.
 */
import { figureIndex, figureSpec } from "./figure-catalogue.js";
import { mean, pairedDifference, verdict } from "./statistics.js";
/** Compares; all policies have the same runs, in the same order. */
export function compare(baseline, policies) {
    const base = policies.find(({ policy }) => policy === baseline);
    if (base === undefined)
        throw new Error(`the baseline ${baseline} is not among the policies`);
    if (new Set(policies.map(({ policy }) => policy)).size < policies.length)
        throw new Error('a policy is there twice');
    const runs = base.runs.length;
    const tables = policies.map(({ policy, runs: lists }) => {
        if (lists.length !== runs)
            throw new Error(`${policy} has ${lists.length} runs, ${baseline} has ${runs}`);
        return lists.map((list) => new Map(list?.map((figure) => [figure.name, figure])));
    });
    return {
        baseline,
        policies: policies.map(({ policy }) => policy),
        runs,
        figures: figuresInOrder(policies).map(({ name, unit, better }) => {
            const values = tables.map((table) => table.map((run) => valueIn(run, name)));
            const baseValues = values[policies.indexOf(base)];
            const rows = policies.map(({ policy }, i) => [policy, { mean: meanOfObserved(values[i]), values: values[i] }]);
            const differences = policies.flatMap(({ policy }, i) => policy === baseline ? [] : [[policy, difference(values[i], baseValues, better)]]);
            return { name, unit, better, policies: Object.fromEntries(rows), differences: Object.fromEntries(differences) };
        }),
    };
}
/** Each figure once. */
function figuresInOrder(policies) {
    const first = new Map();
    for (const { runs } of policies) {
        for (const list of runs)
            for (const figure of list ?? [])
                if (!first.has(figure.name))
                    first.set(figure.name, figure);
    }
    const places = [...first.values()].map((figure, i) => ({ figure, index: figureIndex(figure.name), i }));
    return places.sort((a, b) => a.index - b.index || a.i - b.i).map(({ figure }) => figure);
}
function valueIn(run, name) {
    const figure = run.get(name);
    if (figure !== undefined)
        return figure.value;
    const zeroWith = figureSpec(name)?.zeroWith;
    if (zeroWith === undefined)
        return null;
    return (run.get(zeroWith)?.value ?? null) === null ? null : 0;
}
function meanOfObserved(values) {
    const observed = values.filter((value) => value !== null);
    return observed.length === 0 ? null : mean(observed);
}
function difference(values, baseline, better) {
    const x = [];
    const b = [];
    values.forEach((value, run) => {
        const other = baseline[run];
        if (value === null || other === null)
            return;
        x.push(value);
        b.push(other);
    });
    const { n, difference: absolute, percent, low, high, reason } = pairedDifference(x, b);
    const missing = n > 0 && n < values.length ? `observed in ${n} of ${values.length} pairs of runs` : null;
    const notes = [missing, reason].filter((note) => note !== null);
    return {
        percent,
        low,
        high,
        absolute,
        pairs: n,
        verdict: verdict(low, high, better),
        note: notes.length === 0 ? null : notes.join('; '),
    };
}
