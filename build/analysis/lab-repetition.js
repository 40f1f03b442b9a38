/**
 * The kernel lab's figures of one repetition, streamed; figure by figure what the lab's own analysis computes, so that
 * a simulated run can be held against the recorded ones. What the figures are is in docs/figures.md.
 *
 *   labgen start ──────► labgen ctl cpus ... ──────► labgen end
 *   (state is followed)  the window begins anew      what follows does not count
 *
 * Times are seconds in floating point here, as in the records: rounding to microseconds sees the difference. A task is
 * known by its pid. Causes of migrations come from the probes (detach, select) where the trace has them, else from the
 * migration itself, which a simulation gives a cause.
 */
import { cpuDistance, DISTANCE_NAMES } from "../machine/topology.js";
import { Ev, levelName, MIGRATE_CAUSES, MigrateCause } from "../trace/events.js";
import { dialectOf, textLevelName } from "../trace/text-layout.js";
import { roundTo } from "./decimal-round.js";
import { isPull } from "./decision-figures.js";
import { LabLoad } from "./lab-load.js";
import { LabWaste } from "./lab-waste.js";
const IDLE_TYPES = ['idle', 'busy', 'newidle'];
/** A detach or select explains a migration this long, s; an active balance one by a stopper. */
const PROBE_S = 5e-4;
const ACTIVE_S = 1e-3;
const WF_EXEC = 2;
const WF_FORK = 4;
const STATE_MASK = 255;
const NEVER = Number.NEGATIVE_INFINITY;
export class LabRepetitionSink {
    #tasks;
    #tables;
    #topology;
    #levelName = levelName;
    #load;
    #waste;
    /** Task that each CPU runs, as far as seen; for its name only. */
    #current = [];
    #startS = null;
    #fromS = 0;
    #toS = null;
    #lastS = 0;
    #marks = [];
    #switches = 0;
    #migrations = 0;
    #newidleCalls = 0;
    #newidlePulled = 0;
    #byDistance = new Map();
    #byCause = new Map();
    #passes = new Map();
    #passNames = [];
    /** By CPU: the open balance pass, the last active balance. */
    #openPass = [];
    #lastActiveS = [];
    /** By task: when and why it was last taken off a queue, when and how last placed. */
    #detachedS = [];
    #detachedBy = [];
    #selectedS = [];
    #selectFlags = [];
    constructor(tasks) {
        this.#tasks = tasks;
    }
    begin(tables) {
        const dialect = dialectOf(tables.source);
        this.#tables = tables;
        this.#topology = tables.topology;
        this.#levelName = (level) => textLevelName(level, dialect);
        this.#current = [...(tables.initialCurrent ?? [])];
        this.#waste = new LabWaste(tables.topology);
        this.#load = new LabLoad(tables, this.#tasks, this.#waste);
    }
    /** Long because it is the dispatch. */
    event(kind, timeNs, cpu, task, args) {
        if (this.#toS !== null)
            return;
        const s = timeNs / 1e9;
        this.#lastS = s;
        if (kind === Ev.PRINT)
            this.#marker(s, this.#tables.strings[args[0]]);
        if (this.#toS !== null)
            return;
        const live = this.#startS !== null;
        if (live)
            this.#waste.advance(s);
        switch (kind) {
            case Ev.SCHED_SWITCH:
                if (live)
                    this.#switches++;
                this.#load.switch(s, cpu, task, args[0], (args[1] & STATE_MASK) === 0, live);
                this.#current[cpu] = args[0];
                break;
            case Ev.SCHED_WAKEUP:
            case Ev.SCHED_WAKEUP_NEW:
                this.#load.wakeup(s, task, args[0]);
                break;
            case Ev.RENAME:
                this.#load.rename(task, this.#tables.strings[args[0]]);
                break;
            case Ev.SCHED_MIGRATE_TASK:
                if (this.#load.migrate(task, args[1], live))
                    this.#countMigration(s, cpu, task, args);
                break;
            case Ev.LB_ENTER: {
                const pass = this.#passName(args[1], args[2]);
                this.#openPass[cpu] = pass;
                if (live)
                    this.#pass(pass)[0]++;
                break;
            }
            case Ev.LB_LEAVE:
                if (live) {
                    const counts = this.#pass(this.#passName(args[1], args[2]));
                    counts[1] += args[3] > 0 ? 1 : 0;
                    counts[2] += args[3];
                }
                this.#openPass[cpu] = undefined;
                break;
            case Ev.ACTIVE_BALANCE:
                this.#lastActiveS[cpu] = s;
                break;
            case Ev.DETACH:
                this.#detachedS[task] = s;
                this.#detachedBy[task] = this.#openPass[cpu] ?? 'active';
                break;
            case Ev.SELECT:
                this.#selectedS[task] = s;
                this.#selectFlags[task] = args[1];
                break;
            case Ev.NEWIDLE:
                if (live)
                    this.#newidleCalls++;
                break;
            case Ev.NEWIDLE_RET:
                // the records' sums take the -1 of "a task of another class has come" as it is
                if (live)
                    this.#newidlePulled += args[0];
                break;
        }
    }
    /** The figures, or null if the load never started. */
    figures() {
        if (this.#startS === null)
            return null;
        const end = this.#toS ?? this.#lastS;
        const length = end - this.#fromS;
        const load = this.#load;
        const waste = this.#waste.figures(this.#fromS, end);
        const shares = load.shares(end, length);
        const passes = [...this.#passes].sort(([a], [b]) => (a < b ? -1 : 1));
        return {
            switches: this.#switches,
            migrations: this.#migrations,
            window_ms: roundTo(length * 1e3, 3),
            marks: this.#marks,
            tasks: load.nrTasks,
            ...waste.machine,
            migrations_by_distance: Object.fromEntries(this.#byDistance),
            migrations_by_cause: Object.fromEntries(this.#byCause),
            migrations_per_task: load.migrationsPerTask(this.#migrations),
            load_balance: Object.fromEntries(passes.map(([name, [calls, pulls, moved]]) => [name, { calls, pulls, moved }])),
            newidle_calls: this.#newidleCalls,
            newidle_pulled: this.#newidlePulled,
            ...waste.parts,
            share: shares.byKind,
            jain: shares.jain,
            wake_latency_us: load.wakeLatencies(),
        };
    }
    #marker(s, text) {
        if (/^(labgen|lab cmd) start/.test(text)) {
            this.#startS = this.#fromS = s;
            this.#waste.start(s);
        }
        else if (text.startsWith('labgen ctl cpus') && this.#startS !== null) {
            this.#marks.push([roundTo((s - this.#startS) * 1e3, 3), text.trim()]);
            this.#beginWindow(s);
        }
        else if (/^(labgen|lab cmd) end/.test(text)) {
            this.#toS = s;
        }
    }
    #beginWindow(s) {
        this.#fromS = s;
        this.#waste.restart(s);
        this.#load.restart(s);
        this.#switches = 0;
        this.#migrations = 0;
        this.#newidleCalls = 0;
        this.#newidlePulled = 0;
        this.#byDistance.clear();
        this.#byCause.clear();
        this.#passes.clear();
    }
    #passName(level, idle) {
        const i = level * IDLE_TYPES.length + idle;
        return (this.#passNames[i] ??= `${this.#levelName(level)}/${IDLE_TYPES[idle] ?? '?'}`);
    }
    #pass(name) {
        let counts = this.#passes.get(name);
        if (counts === undefined) {
            counts = [0, 0, 0];
            this.#passes.set(name, counts);
        }
        return counts;
    }
    #countMigration(s, cpu, task, args) {
        this.#migrations++;
        // a move to where it is already is within the core, as far as the lab is concerned
        const distance = Math.max(1, cpuDistance(this.#topology, args[0], args[1]));
        increment(this.#byDistance, DISTANCE_NAMES[distance]);
        increment(this.#byCause, this.#cause(s, cpu, task, args[3], args[4]));
    }
    #cause(s, cpu, task, told, level) {
        if (s - (this.#detachedS[task] ?? NEVER) < PROBE_S)
            return this.#detachedBy[task];
        if (s - (this.#selectedS[task] ?? NEVER) < PROBE_S) {
            const flags = this.#selectFlags[task];
            if ((flags & WF_FORK) !== 0)
                return 'fork';
            return (flags & WF_EXEC) !== 0 ? 'exec' : 'wakeup';
        }
        if (told > MigrateCause.OTHER) {
            const cause = MIGRATE_CAUSES[told];
            return level >= 0 && isPull(told) ? `${this.#levelName(level)}/${cause}` : cause;
        }
        const current = this.#tables.tasks[this.#current[cpu] ?? -1];
        if (current?.comm.startsWith('migration/') !== true)
            return 'other';
        return s - (this.#lastActiveS[cpu] ?? NEVER) < ACTIVE_S ? 'active' : 'affinity';
    }
}
function increment(counts, name) {
    counts.set(name, (counts.get(name) ?? 0) + 1);
}
