/** Counts of what the scheduler did: switches, migrations by distance and cause, balance passes by level and idle type. */
import { cpuDistance, DISTANCE_NAMES } from "../machine/topology.js";
import { levelName, MIGRATE_CAUSES, MigrateCause } from "../trace/events.js";
import { figureKind } from "./workload-figures.js";
const IDLE_TYPE_NAMES = ['idle', 'busy', 'newidle'];
/** Levels are counted apart up to here; those above are all NUMA and have one name. */
const MAX_LEVEL = 15;
const NR_CAUSES = MIGRATE_CAUSES.length;
export class DecisionFigures {
    newidleCalls = 0;
    newidlePulled = 0;
    nohzKicks = 0;
    nohzBalances = 0;
    activeBalances = 0;
    #topology;
    #switches = 0;
    #voluntary = 0;
    #involuntary = 0;
    #migrations = 0;
    #byDistance = new Float64Array(DISTANCE_NAMES.length);
    /** [(level + 1) * NR_CAUSES + cause]. */
    #byCause = new Float64Array((MAX_LEVEL + 2) * NR_CAUSES);
    #byKind = [];
    /** [level * 3 + idle type]. */
    #calls = new Float64Array((MAX_LEVEL + 1) * 3);
    #pulls = new Float64Array((MAX_LEVEL + 1) * 3);
    #moved = new Float64Array((MAX_LEVEL + 1) * 3);
    constructor(topology) {
        this.#topology = topology;
    }
    /** A CPU switched away from a task that could go on or not, or from the idle task. */
    switched(fromTask, runnable) {
        this.#switches++;
        if (!fromTask)
            return;
        if (runnable)
            this.#involuntary++;
        else
            this.#voluntary++;
    }
    /** A task changed CPU; `cause` < 0: not known. */
    migrated(kind, from, to, cause, level) {
        this.#migrations++;
        this.#byKind[kind] = (this.#byKind[kind] ?? 0) + 1;
        const { nrCpus } = this.#topology;
        if (from >= 0 && from < nrCpus && to >= 0 && to < nrCpus)
            this.#byDistance[cpuDistance(this.#topology, from, to)]++;
        if (cause < 0 || cause >= NR_CAUSES)
            return;
        const pullLevel = isPull(cause) ? Math.min(level, MAX_LEVEL) : -1;
        this.#byCause[(pullLevel + 1) * NR_CAUSES + cause]++;
    }
    /** A balance pass begins. */
    entered(level, idle) {
        const i = passIndex(level, idle);
        if (i >= 0)
            this.#calls[i]++;
    }
    /** A balance pass is over, and has moved so many tasks. */
    left(level, idle, moved) {
        const i = passIndex(level, idle);
        if (i < 0 || moved <= 0)
            return;
        this.#pulls[i]++;
        this.#moved[i] += moved;
    }
    restart() {
        this.#switches = 0;
        this.#voluntary = 0;
        this.#involuntary = 0;
        this.newidleCalls = 0;
        this.newidlePulled = 0;
        this.nohzKicks = 0;
        this.nohzBalances = 0;
        this.activeBalances = 0;
        this.#migrations = 0;
        this.#byKind.length = 0;
        for (const counts of [this.#byDistance, this.#byCause, this.#calls, this.#pulls, this.#moved])
            counts.fill(0);
    }
    listSwitches(list, seconds, observed) {
        const known = (value) => (observed ? value : null);
        list.add('switches', known(this.#switches));
        list.add('switches_per_s', known(this.#switches / seconds));
        list.add('switches_voluntary', known(this.#voluntary));
        list.add('switches_involuntary', known(this.#involuntary));
    }
    listMigrations(list, seconds, kinds, observed) {
        const known = (value) => (observed ? value : null);
        list.add('migrations', known(this.#migrations));
        list.add('migrations_per_s', known(this.#migrations / seconds));
        for (const kind of kinds.sorted()) {
            list.add('migrations_by_kind.{task kind}', known(this.#byKind[kind] ?? 0), figureKind(kinds.names[kind]));
        }
        for (let d = 1; d < DISTANCE_NAMES.length; d++) {
            list.add('migrations_by_distance.{distance}', known(this.#byDistance[d]), DISTANCE_NAMES[d]);
        }
        const byName = new Map();
        for (let level = -1; level <= MAX_LEVEL; level++) {
            for (let cause = 0; cause < NR_CAUSES; cause++) {
                const name = level < 0 ? MIGRATE_CAUSES[cause] : `${levelName(level)}/${MIGRATE_CAUSES[cause]}`;
                addTo(byName, name, this.#byCause[(level + 1) * NR_CAUSES + cause]);
            }
        }
        for (const [name, n] of byName)
            list.add('migrations_by_cause.{cause}', known(n), name);
    }
    /** Levels from the bottom up; NUMA levels together. */
    listPasses(list, observed) {
        const total = this.#calls.reduce((a, b) => a + b, 0);
        list.add('balance_passes', observed ? total : null);
        const counts = { calls: new Map(), pulls: new Map(), moved: new Map() };
        for (let level = 0; level <= MAX_LEVEL; level++) {
            for (let idle = 0; idle < 3; idle++) {
                const name = `${levelName(level)}/${IDLE_TYPE_NAMES[idle]}`;
                const i = passIndex(level, idle);
                if (this.#calls[i] === 0 && this.#pulls[i] === 0)
                    continue;
                addTo(counts.calls, name, this.#calls[i]);
                addTo(counts.pulls, name, this.#pulls[i], true);
                addTo(counts.moved, name, this.#moved[i], true);
            }
        }
        for (const [name, n] of counts.calls)
            list.add('load_balance.{pass}.calls', n, name);
        for (const [name, n] of counts.pulls)
            list.add('load_balance.{pass}.pulls', n, name);
        for (const [name, n] of counts.moved)
            list.add('load_balance.{pass}.moved', n, name);
    }
}
/** Whether tasks that migrate for this cause are pulled by a balance pass of a domain. */
export function isPull(cause) {
    return cause >= MigrateCause.IDLE && cause <= MigrateCause.NEWIDLE;
}
function passIndex(level, idle) {
    return level < 0 || idle < 0 || idle > 2 ? -1 : Math.min(level, MAX_LEVEL) * 3 + idle;
}
function addTo(counts, name, n, evenZero = false) {
    if (n > 0 || evenZero)
        counts.set(name, (counts.get(name) ?? 0) + n);
}
