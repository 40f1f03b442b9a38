/**
 * The generators, and the strings that name them: `hackbench:groups=2,loops=1000`.
 */
import { didYouMean, UserError } from "../../base/errors.js";
import { quote } from "../places.js";
import { forkburst } from "./forkburst.js";
import { hackbench } from "./hackbench.js";
import { hogs } from "./hogs.js";
import { kbuild } from "./kbuild.js";
import { netperf } from "./netperf.js";
import { oltp, oracle } from "./oltp.js";
import { periodic } from "./periodic.js";
import { pipe } from "./pipe.js";
import { rpc } from "./rpc.js";
import { runsleep } from "./runsleep.js";
import { schbench, schbenchOld } from "./schbench.js";
import { ep, lu } from "./spin-barrier.js";
import { tbench } from "./tbench.js";
import { context1, execl, shell, spawn } from "./unixbench.js";
const GENERATORS = [
    hogs,
    runsleep,
    periodic,
    forkburst,
    hackbench,
    pipe,
    schbench,
    schbenchOld,
    tbench,
    netperf,
    rpc,
    oltp,
    oracle,
    kbuild,
    context1,
    shell,
    spawn,
    execl,
    lu,
    ep,
];
const MAX_SPEC = 4096;
export function listGenerators() {
    return GENERATORS.map(({ name, summary, unit, measures, params }) => ({
        name,
        summary,
        unit,
        measures,
        params: Object.entries(params).map(([key, p]) => ({ name: key, default: p.default, values: p.values, doc: p.doc })),
    }));
}
/** Is the text before a first colon the name of a generator? */
export function isGeneratorSpec(spec) {
    const name = nameOf(spec);
    return GENERATORS.some((g) => g.name === name);
}
/**
 * The workload of a generator string `name` or `name:key=value,key=value` on a machine of so many CPUs. Values may hold
 * commas in brackets: `lognormal(60us,0.8)`.
 */
export function generate(spec, nrCpus) {
    if (spec.length > MAX_SPEC)
        throw new UserError('limit', `a workload of ${spec.length} characters is too long`);
    const name = nameOf(spec);
    const generator = GENERATORS.find((g) => g.name === name);
    if (generator === undefined) {
        const names = GENERATORS.map((g) => g.name);
        throw new UserError('workload', `unknown workload ${quote(name)}`, {}, didYouMean(name, names));
    }
    const texts = new Map();
    const rest = spec
        .trim()
        .slice(name.length + 1)
        .trim();
    for (const part of rest === '' ? [] : rest.split(/,(?![^()]*\))/)) {
        const equals = part.indexOf('=');
        if (equals < 0)
            throw new UserError('workload', `${name}: ${quote(part)} is not key=value`);
        const key = part.slice(0, equals).trim().toLowerCase();
        if (texts.has(key))
            throw new UserError('workload', `${name}: ${quote(key)} is given twice`);
        texts.set(key, part.slice(equals + 1).trim());
    }
    return { ...generator.make(texts, nrCpus), name: spec };
}
function nameOf(spec) {
    const colon = spec.indexOf(':');
    return (colon < 0 ? spec : spec.slice(0, colon)).trim();
}
