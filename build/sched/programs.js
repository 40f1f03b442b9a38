/**
 * The tasks of a workload as far as they are known before and beyond their instructions: how many of each kind there are,
 * their random numbers, the objects they share. The instructions are carried out in `program-step.ts`. @spec 25
 */
import { UserError } from "../base/errors.js";
import { exp, ln } from "../engine/math.js";
import { RandomStreams } from "../engine/random.js";
import { k } from "./kernel.js";
import { removeEntityLoadAvg } from "./load-avg.js";
import { compilePrograms, Draw } from "./program-code.js";
import * as progress from "./progress.js";
import { SyncObjects } from "./sync-objects.js";
import * as tasks from "./tasks.js";
import { Class } from "./tasks.js";
/** The largest range that `RandomStreams.below` draws from exactly. */
const MAX_EXACT_RANGE = 1 << 26;
export class Programs {
    workload;
    code;
    sync;
    /** One stream a task slot. */
    random;
    /** By kind: tasks started so far, and units of work done. */
    started;
    unitsDone;
    /** Tasks of the workload, the main task included, that have not exited. */
    alive = 0;
    /** Workload time zero, and when tasks of named kinds end. */
    epoch = 0;
    endTime = Number.POSITIVE_INFINITY;
    /** A program has said `stop`. */
    stopped = false;
    /** Tasks started in all but the main one: labgen's slots. */
    #slots = 0;
    constructor(workload) {
        this.workload = workload;
        this.code = compilePrograms(workload, (cpus) => (cpus === null ? 0 : k.affinity.of(cpus)));
        this.sync = new SyncObjects(workload, k.nrCpus);
        this.random = new RandomStreams(k.nrTasks + 64);
        this.started = new Int32Array(workload.kinds.length);
        this.unitsDone = new Float64Array(workload.kinds.length);
    }
    /** Room for tasks up to `nrTasks`. */
    grow(nrTasks) {
        this.random.grow(nrTasks);
    }
    /** The workload's time zero. */
    setEpoch(time) {
        this.epoch = time;
        const { endNs } = this.workload;
        if (endNs !== undefined && endNs !== null)
            this.endTime = time + endNs;
    }
    /** A task of a kind begins its program; `index` -1: the next one. */
    start(task, kind, parent, index) {
        const spec = this.workload.kinds[kind];
        const count = this.started[kind]++;
        progress.kind[task] = kind;
        progress.index[task] = index < 0 ? count : index;
        progress.pc[task] = this.code.start[kind];
        progress.phase[task] = 0;
        progress.loopDepth[task] = 0;
        progress.begin[task] = k.now;
        progress.periods[task] = 0;
        progress.unitBegin[task] = 0;
        progress.wokenAt[task] = -1;
        progress.parent[task] = parent;
        progress.children[task] = 0;
        progress.waitsForChildren[task] = 0;
        progress.process[task] = spec.process < 0 ? -1 - task : spec.process;
        progress.named[task] = spec.name === '' ? 0 : 1;
        if (parent >= 0)
            progress.children[parent] += 1;
        this.alive++;
        this.#seed(task, kind, progress.index[task]);
    }
    /** labgen seeds by the order of starts, its controller (kind 0) not among them. */
    #seed(task, kind, index) {
        const { seed } = k.config;
        if (this.workload.seeding === 'labgen' && kind > 0) {
            this.random.setState(task, seed * 1_000_003 + this.#slots++ * 7919 + (kind - 1));
        }
        else {
            this.random.seed(task, seed, `task ${kind}`, index);
        }
    }
    /** The object of a table that a reference at `at` in the arguments means for this task. */
    ref(task, at, table) {
        const { args } = this.code;
        const stride = args[at + 1];
        if (stride === 0)
            return args[at];
        const object = args[at] + stride * (progress.index[task] >> args[at + 2]);
        if (object >= table.length)
            this.#noSuchObject(task, object, table.length);
        return object;
    }
    #noSuchObject(task, object, size) {
        const what = `instance ${progress.index[task]} of "${this.kindName(task)}" uses object ${object} of a table of ${size}`;
        throw new UserError('workload', `workload "${this.workload.name}": ${what}`);
    }
    kindName(task) {
        const { name, comm } = this.workload.kinds[progress.kind[task]];
        return name || comm;
    }
    /** Draws a duration, ns. */
    draw(task, id) {
        const { durations } = this.code;
        const at = id * 4;
        switch (durations[at]) {
            case Draw.FIXED:
                return durations[at + 1];
            case Draw.UNIFORM: {
                const steps = durations[at + 3];
                const step = steps <= MAX_EXACT_RANGE ? this.random.below(task, steps) : Math.floor(this.random.unit(task) * steps);
                return durations[at + 1] + step * durations[at + 2];
            }
            case Draw.EXPONENTIAL:
                return Math.round(-durations[at + 1] * ln(1 - this.random.unit(task)));
            default:
                return Math.round(durations[at + 1] * exp(durations[at + 2] * this.#normal(task)));
        }
    }
    /** A standard normal number: the sum of twelve uniform ones, less six. */
    #normal(task) {
        let sum = -6;
        for (let i = 0; i < 12; i++)
            sum += this.random.unit(task);
        return sum;
    }
    /** A program that goes round and round without using time is an error in the workload. */
    endlessLoop(task) {
        const at = progress.pc[task] - this.code.start[progress.kind[task]];
        throw new UserError('workload', `workload "${this.workload.name}": task "${this.kindName(task)}" repeats instruction ${at + 1} for ever without using time, at ${k.now} ns`, {}, 'give a loop that never ends something to run or to wait for');
    }
}
/** The CPU was taken away with so much of the current instruction's work left. */
export function saveWork(task, left) {
    if (progress.wallClock[task] === 0)
        progress.work[task] = left;
}
/** The current instruction's work is done. */
export function workDone(task) {
    progress.work[task] = 0;
    progress.phase[task] += 1;
}
export function sameAddressSpace(a, b) {
    return progress.process[a] === progress.process[b];
}
/** The task is dead and its CPU has switched away from it. */
export function releaseTask(task) {
    if (tasks.schedClass[task] === Class.FAIR)
        removeEntityLoadAvg(task);
    tasks.alive[task] = 0;
    progress.kind[task] = -1;
    k.freeTasks.push(task);
}
