/**
 * One parent on one CPU forks many tasks at once, and some time later as many more: what fork placement does, and what is
 * left for balancing to do.
 */
import { UserError } from "../../base/errors.js";
import { WorkloadBuilder } from "../build.js";
import { fork, run, sleep, unitBegin, unitDone, waitChildren } from "../instructions.js";
import { fixed } from "../program.js";
import { count, defineGenerator, duration, time } from "./params.js";
/** What the parent runs before it forks. */
const PARENT_RUN_NS = 2_000_000;
export const forkburst = defineGenerator({
    name: 'forkburst',
    summary: 'one parent forks many tasks at once, twice',
    unit: 'children',
    measures: 'children done, if life is not 0; latency: from birth to the end',
    params: {
        n: count('{N}', 'tasks forked in each burst', { min: 1 }),
        bursts: count(2, 'bursts', { min: 1, max: 10_000 }),
        gap: time('500ms', 'time between bursts'),
        cpu: count(0, 'CPU the parent begins on'),
        life: duration('0', 'CPU time of a child; 0: it runs without end'),
    },
    endless: (p) => p.life.kind === 'fixed' && p.life.ns === 0,
    build: (p, { name, nrCpus }) => {
        if (p.cpu >= nrCpus)
            throw new UserError('workload', `${name}: there is no CPU ${p.cpu}, only 0..${nrCpus - 1}`);
        const b = new WorkloadBuilder(name);
        const endless = p.life.kind === 'fixed' && p.life.ns === 0;
        const life = endless ? [{ op: 'hog' }] : [unitBegin, run(p.life), unitDone];
        const children = Array.from({ length: p.bursts }, (_, i) => b.kind({
            name: i === 0 ? 'child' : `child${i + 1}`,
            comm: i === 0 ? 'child-%d' : `child${i + 1}-%d`,
            program: life,
        }));
        const parent = b.kind({
            name: 'parent',
            comm: 'parent',
            cpus: [p.cpu],
            program: [
                run(fixed(PARENT_RUN_NS)),
                { op: 'setAffinity', of: 'self', cpus: null },
                ...children.flatMap((c, i) => (i === 0 ? [fork(c, p.n)] : [sleep(fixed(p.gap ?? 0)), fork(c, p.n)])),
            ],
        });
        b.main([fork(parent, 1), waitChildren]);
        return b.build();
    },
});
