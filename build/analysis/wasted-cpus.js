/**
 * V: how many CPUs are wasted at a moment, the size of a maximum matching between the idle CPUs and the tasks that wait
 * and may run on them; and how near to the waiting tasks these CPUs are. @spec 23 §5.2
 *
 *   V[same] ≤ V[smt] ≤ V[llc] ≤ V[node] ≤ V[numa] = V
 *
 * V[d] is the matching when a task may only be given a CPU at most d away from the one it waits on, so V[d] - V[d-1] of
 * the wasted CPUs are needed at distance d and no nearer. CPUs at most d apart form groups, and so each V[d] is a sum over
 * groups, of three parts that are maximum one after the other:
 *
 *   bound to one CPU and waiting there   the task can have no other CPU, so an idle CPU with such a task is matched to it
 *   bound to a set of CPUs               ClassMatching, over the CPUs left
 *   free                                 min(CPUs left, tasks): any CPU will do
 *
 * A change of a free task or of a CPU takes a few additions a distance, whatever the number of CPUs.
 */
import { DISTANCE_NAMES } from "../machine/topology.js";
import { ANYWHERE } from "./affinity-classes.js";
import { ClassMatching } from "./class-matching.js";
export const NR_DISTANCES = DISTANCE_NAMES.length;
export class WastedCpus {
    #nrCpus;
    #affinity;
    /** Distances that differ on this machine, and which of them each distance is. */
    #nrLevels;
    #levelOf;
    /** Group of a CPU at a level, numbered through: [level * nrCpus + cpu]. */
    #group;
    /** V by level, and what was accumulated of it. */
    #wasted;
    #sums;
    /** By group: CPUs left after those with a bound task of their own, of these matched to bound tasks, free tasks. */
    #idle;
    #taken;
    #free;
    /** By CPU: idle; tasks bound to it alone that wait on it. */
    #isIdle;
    #own;
    #bound = null;
    constructor(topology, affinity) {
        const { nrCpus } = topology;
        this.#nrCpus = nrCpus;
        this.#affinity = affinity;
        const levels = distinctLevels(topology);
        this.#nrLevels = levels.columns.length;
        this.#levelOf = levels.levelOf;
        this.#group = new Int32Array(this.#nrLevels * nrCpus);
        let nrGroups = 0;
        levels.columns.forEach((column, level) => {
            const ids = new Map();
            column.forEach((value, cpu) => {
                if (!ids.has(value))
                    ids.set(value, nrGroups++);
                this.#group[level * nrCpus + cpu] = ids.get(value);
            });
        });
        this.#wasted = new Int32Array(this.#nrLevels);
        this.#sums = new Float64Array(this.#nrLevels);
        this.#idle = new Int32Array(nrGroups);
        this.#taken = new Int32Array(nrGroups);
        this.#free = new Int32Array(nrGroups);
        this.#isIdle = new Uint8Array(nrCpus);
        this.#own = new Int32Array(nrCpus);
    }
    /** V with CPUs at most `distance` away from where the tasks wait. */
    within(distance) {
        return this.#wasted[this.#levelOf[distance]];
    }
    /** Adds V times `weight` to sums of its own. */
    accumulate(weight) {
        for (let level = 0; level < this.#nrLevels; level++)
            this.#sums[level] += this.#wasted[level] * weight;
    }
    /** What was accumulated of V[distance]. */
    sumWithin(distance) {
        return this.#sums[this.#levelOf[distance]];
    }
    clearSums() {
        this.#sums.fill(0);
    }
    setIdle(cpu, idle) {
        if ((this.#isIdle[cpu] === 1) === idle)
            return;
        this.#isIdle[cpu] = idle ? 1 : 0;
        if (this.#own[cpu] > 0)
            this.#addToAll(idle ? 1 : -1);
        else
            this.#changeIdle(cpu, idle ? 1 : -1);
    }
    /** A task bound to `set` begins to wait on the CPU. */
    addWaiter(cpu, set) {
        this.#changeWaiters(cpu, set, 1);
    }
    removeWaiter(cpu, set) {
        this.#changeWaiters(cpu, set, -1);
    }
    #changeWaiters(cpu, set, by) {
        if (set === ANYWHERE)
            this.#changeFree(cpu, by);
        else if (this.#affinity.isOnly(set, cpu))
            this.#changeOwn(cpu, by);
        else
            this.#changeBound(cpu, set, by);
    }
    #changeFree(cpu, by) {
        for (let level = 0, at = cpu; level < this.#nrLevels; level++, at += this.#nrCpus) {
            const group = this.#group[at];
            const left = this.#idle[group] - this.#taken[group];
            const free = (this.#free[group] += by);
            // by one task: the lesser of the two changes iff the tasks were (or are now) not more than the CPUs
            if (by === 1 ? free <= left : free < left)
                this.#wasted[level] += by;
        }
    }
    #changeOwn(cpu, by) {
        const before = this.#own[cpu];
        this.#own[cpu] = before + by;
        if (this.#isIdle[cpu] === 0)
            return;
        if (by === 1 && before === 0) {
            this.#changeIdle(cpu, -1);
            this.#addToAll(1);
        }
        else if (by === -1 && before === 1) {
            this.#addToAll(-1);
            this.#changeIdle(cpu, 1);
        }
    }
    #addToAll(by) {
        for (let level = 0; level < this.#nrLevels; level++)
            this.#wasted[level] += by;
    }
    /** A CPU joins or leaves those that bound and free tasks may have. */
    #changeIdle(cpu, by) {
        for (let level = 0, at = cpu; level < this.#nrLevels; level++, at += this.#nrCpus) {
            const group = this.#group[at];
            const left = this.#idle[group] - this.#taken[group];
            const free = this.#free[group];
            this.#idle[group] += by;
            if (by === 1 ? left < free : left <= free)
                this.#wasted[level] += by;
        }
        this.#bound?.changeCpu(cpu, by);
    }
    #changeBound(cpu, set, by) {
        if (!this.#affinity.isRefined(set))
            this.refine(set);
        this.#bound ??= this.#newBound();
        this.#bound.changeTask(cpu, set, by);
    }
    #newBound() {
        const changed = (level, group, by) => this.#changeTaken(level, group, by);
        const bound = new BoundTasks(this.#nrCpus, this.#nrLevels, this.#group, this.#affinity, changed);
        for (let cpu = 0; cpu < this.#nrCpus; cpu++) {
            if (this.#isIdle[cpu] === 1 && this.#own[cpu] === 0)
                bound.changeCpu(cpu, 1);
        }
        return bound;
    }
    /** Makes the set a union of cells, and matches the bound tasks anew. */
    refine(set) {
        this.#affinity.refine(set);
        const old = this.#bound;
        if (old === null)
            return;
        for (let level = 0; level < this.#nrLevels; level++) {
            for (let cpu = 0; cpu < this.#nrCpus; cpu++) {
                const group = this.#group[level * this.#nrCpus + cpu];
                while (this.#taken[group] > 0)
                    this.#changeTaken(level, group, -1);
            }
        }
        this.#bound = this.#newBound();
        for (const [cpu, set] of old.waiters())
            this.#bound.changeTask(cpu, set, 1);
    }
    /** One CPU of the group more (or less) is matched to a bound task; it is lost to (or back for) the free ones. */
    #changeTaken(level, group, by) {
        const left = this.#idle[group] - this.#taken[group];
        const free = this.#free[group];
        this.#taken[group] += by;
        const matched = Math.min(left - by, free) - Math.min(left, free);
        this.#wasted[level] += by + matched;
    }
}
/** The tasks bound to sets of CPUs, in one matching for all groups of all levels (groups do not share cells). */
class BoundTasks {
    #matching = new ClassMatching();
    #nrCpus;
    #nrLevels;
    #group;
    #affinity;
    #changed;
    /** Cell of the matching, of a CPU at a level. */
    #cell;
    /** Cells of each group by cell of the affinity classes. */
    #cellsOfGroup = [];
    /** Class by group, then set. */
    #classes = [];
    /** Tasks waiting: by CPU, then set. */
    #waiting;
    constructor(nrCpus, nrLevels, group, affinity, changed) {
        this.#nrCpus = nrCpus;
        this.#nrLevels = nrLevels;
        this.#group = group;
        this.#affinity = affinity;
        this.#changed = changed;
        this.#cell = new Int32Array(group.length);
        this.#waiting = Array.from({ length: nrCpus }, () => new Map());
        group.forEach((g, at) => {
            const cells = (this.#cellsOfGroup[g] ??= new Map());
            this.#classes[g] ??= new Map();
            const kind = affinity.cellOf[at % nrCpus];
            let cell = cells.get(kind);
            if (cell === undefined) {
                cell = this.#matching.addCell();
                cells.set(kind, cell);
            }
            this.#cell[at] = cell;
        });
    }
    /** Who waits: pairs of CPU and set, one a task. */
    waiters() {
        return this.#waiting.flatMap((bySet, cpu) => [...bySet].flatMap(([set, n]) => Array.from({ length: n }, () => [cpu, set])));
    }
    changeCpu(cpu, by) {
        for (let level = 0; level < this.#nrLevels; level++) {
            const at = level * this.#nrCpus + cpu;
            const cell = this.#cell[at];
            const change = by === 1 ? this.#matching.addCpu(cell) : this.#matching.removeCpu(cell);
            if (change !== 0)
                this.#changed(level, this.#group[at], change);
        }
    }
    changeTask(cpu, set, by) {
        const waiting = this.#waiting[cpu];
        waiting.set(set, (waiting.get(set) ?? 0) + by);
        for (let level = 0; level < this.#nrLevels; level++) {
            const group = this.#group[level * this.#nrCpus + cpu];
            const c = this.#class(group, set);
            const change = by === 1 ? this.#matching.addTask(c) : this.#matching.removeTask(c);
            if (change !== 0)
                this.#changed(level, group, change);
        }
    }
    #class(group, set) {
        const classes = this.#classes[group];
        let c = classes.get(set);
        if (c === undefined) {
            const cells = this.#cellsOfGroup[group];
            c = this.#matching.addClass(this.#affinity.cells(set).flatMap((kind) => cells.get(kind) ?? []));
            classes.set(set, c);
        }
        return c;
    }
}
/** For each distance, groups of CPUs at most so far apart; distances with the same groups are one level. */
function distinctLevels(t) {
    const same = Int32Array.from({ length: t.nrCpus }, (_, cpu) => cpu);
    const all = new Int32Array(t.nrCpus);
    const nested = [same, t.core, t.llc, joined(t.llc, t.node), all];
    const columns = [];
    const levelOf = new Uint8Array(NR_DISTANCES);
    nested.forEach((column, distance) => {
        const last = columns.at(-1);
        if (last === undefined || !samePartition(last, column))
            columns.push(column);
        levelOf[distance] = columns.length - 1;
    });
    return { columns, levelOf };
}
/** The finest grouping that both are finer than: with caches that span nodes, neither contains the other. */
function joined(a, b) {
    const out = Int32Array.from(a, (_, cpu) => cpu);
    for (let changed = true; changed;) {
        changed = false;
        for (const column of [a, b]) {
            const lowest = new Map();
            column.forEach((value, cpu) => {
                lowest.set(value, Math.min(lowest.get(value) ?? cpu, out[cpu]));
            });
            column.forEach((value, cpu) => {
                if (out[cpu] === lowest.get(value))
                    return;
                out[cpu] = lowest.get(value);
                changed = true;
            });
        }
    }
    return out;
}
function samePartition(a, b) {
    const there = new Map();
    const back = new Map();
    return a.every((value, cpu) => {
        if (!there.has(value))
            there.set(value, b[cpu]);
        if (!back.has(b[cpu]))
            back.set(b[cpu], value);
        return there.get(value) === b[cpu] && back.get(b[cpu]) === value;
    });
}
