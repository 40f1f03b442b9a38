import { roundTo } from "./decimal-round.js";
const UNKNOWN = -1;
export class LabLoad {
    #tables;
    #byComm;
    #byKind;
    #waste;
    /** Tasks by trace task id; several ids may have one pid and are then one task. */
    #tasks = [];
    #byPid = new Map();
    /** Of the load, in the order in which they became known. */
    #members = [];
    #latenciesUs = new Map();
    constructor(tables, tasks, waste) {
        this.#tables = tables;
        this.#waste = waste;
        this.#byKind = tasks === 'byKind';
        this.#byComm = tasks !== 'byKind' && 'byComm' in tasks ? tasks.byComm : null;
        if (tasks !== 'byKind' && 'byPid' in tasks)
            for (const [pid, kind] of tasks.byPid)
                this.#join(this.#add(pid), kind);
    }
    get nrTasks() {
        return this.#members.length;
    }
    rename(id, comm) {
        this.#task(id).comm = comm;
    }
    /** `live`: the load has started. */
    switch(s, cpu, prev, next, prevRunnable, live) {
        const to = next < 0 ? null : this.#task(next);
        if (to !== null)
            this.#checkName(to);
        if (prev >= 0) {
            const task = this.#task(prev);
            if (task.runSinceS !== null && live)
                task.ranS += s - task.runSinceS;
            task.runSinceS = null;
            if (prevRunnable !== task.runnable)
                this.#change(task, prevRunnable ? cpu : task.cpu, prevRunnable);
            task.cpu = cpu;
        }
        if (to === null)
            return;
        if (!to.runnable) {
            this.#change(to, cpu, true);
        }
        else if (to.cpu !== cpu) {
            this.#change(to, to.cpu, false);
            this.#change(to, cpu, true);
        }
        to.cpu = cpu;
        to.runSinceS = s;
        if (to.wokenS === null)
            return;
        if (live && to.kind !== null)
            this.#latencies(to.kind).push((s - to.wokenS) * 1e6);
        to.wokenS = null;
    }
    wakeup(s, id, cpu) {
        const task = this.#task(id);
        this.#checkName(task);
        if (task.runnable)
            return;
        this.#change(task, cpu, true);
        task.cpu = cpu;
        task.wokenS = s;
    }
    /** Whether the move counts: a task of the load, and the load has started. */
    migrate(id, to, live) {
        const task = this.#task(id);
        if (task.runnable) {
            this.#change(task, task.cpu, false);
            this.#change(task, to, true);
        }
        task.cpu = to;
        if (!live || task.kind === null)
            return false;
        task.nrMigrations++;
        return true;
    }
    /** A new window begins. */
    restart(s) {
        this.#latenciesUs.clear();
        for (const task of this.#byPid.values()) {
            task.ranS = 0;
            task.nrMigrations = 0;
            if (task.runSinceS !== null)
                task.runSinceS = Math.max(task.runSinceS, s);
        }
    }
    migrationsPerTask(total) {
        const each = this.#members.map((task) => task.nrMigrations);
        return {
            min: each.length === 0 ? 0 : Math.min(...each),
            max: Math.max(0, ...each),
            mean: roundTo(total / Math.max(1, each.length), 3),
        };
    }
    /** CPU time over the length of the window, by kind, and Jain's index over all tasks. */
    shares(endS, lengthS) {
        const groups = new Map();
        for (const task of this.#members) {
            const ranS = task.runSinceS === null ? task.ranS : task.ranS + (endS - task.runSinceS);
            const group = groups.get(task.kind) ?? [];
            group.push(lengthS === 0 ? 0 : ranS / lengthS);
            groups.set(task.kind, group);
        }
        const all = [...groups.values()].flat();
        const sum = all.reduce((a, b) => a + b, 0);
        const squares = all.reduce((a, b) => a + b * b, 0);
        const byKind = sortedEntries(groups).map(([kind, shares]) => {
            const v = shares.toSorted((a, b) => a - b);
            const five = (x) => roundTo(x, 5);
            const total = five(v.reduce((a, b) => a + b, 0));
            return [
                kind,
                { n: v.length, min: five(v[0]), median: five(v[v.length >> 1]), max: five(v.at(-1)), sum: total },
            ];
        });
        return {
            byKind: Object.fromEntries(byKind),
            jain: all.some((x) => x !== 0) ? roundTo((sum * sum) / (all.length * squares), 6) : null,
        };
    }
    wakeLatencies() {
        const lists = sortedEntries(new Map([...this.#latenciesUs, ['all', [...this.#latenciesUs.values()].flat()]]));
        const figures = lists.flatMap(([kind, list]) => {
            if (list.length === 0)
                return [];
            const v = Float64Array.from(list).sort();
            const at = (p) => roundTo(v[Math.min(v.length - 1, Math.floor(p * v.length))], 2);
            return [[kind, { n: v.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: roundTo(v.at(-1), 2) }]];
        });
        return Object.fromEntries(figures);
    }
    #change(task, cpu, runnable) {
        task.runnable = runnable;
        this.#waste.change(cpu, runnable ? 1 : -1, task.kind !== null);
    }
    #task(id) {
        let task = this.#tasks[id];
        if (task === undefined) {
            const { pid, comm, kind } = this.#tables.tasks[id];
            task = this.#byPid.get(pid) ?? this.#add(pid);
            task.comm = comm;
            if (this.#byKind && kind !== '' && task.kind === null)
                this.#join(task, kind);
            this.#tasks[id] = task;
        }
        return task;
    }
    #add(pid) {
        const task = {
            pid,
            comm: '',
            kind: null,
            runnable: false,
            cpu: UNKNOWN,
            wokenS: null,
            runSinceS: null,
            ranS: 0,
            nrMigrations: 0,
        };
        this.#byPid.set(pid, task);
        return task;
    }
    #checkName(task) {
        if (this.#byComm !== null && task.kind === null && task.comm === this.#byComm)
            this.#join(task, this.#byComm);
    }
    #join(task, kind) {
        if (task.runnable)
            this.#waste.changeLoad(task.cpu, 1);
        task.kind = kind;
        this.#members.push(task);
    }
    #latencies(kind) {
        let list = this.#latenciesUs.get(kind);
        if (list === undefined) {
            list = [];
            this.#latenciesUs.set(kind, list);
        }
        return list;
    }
}
function sortedEntries(map) {
    return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}
