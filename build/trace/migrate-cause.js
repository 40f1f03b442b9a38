/**
 * Why a task of a recording migrated: `sched_migrate_task` itself does not tell, but the probes around it do, as everything
 * that leads to a migration happens on the CPU that does it.
 *
 *   lb_enter MC, newidle ── detach 7 ── sched_migrate_task 7 ── lb_leave      newidle, level MC
 *                           detach 7 ── sched_migrate_task 7   (no pass open) active
 *   select 7, flags 8 ── select_ret ─── sched_migrate_task 7                  wakeup
 *   select 7, flags 2 ── select_ret ─── sched_migrate_task 7 by migration/N   exec
 *                 active_balance ────── sched_migrate_task 7 by migration/N   active
 *                                       sched_migrate_task 7 by migration/N   affinity
 *
 * All else is `other`: pushes and pulls of RT tasks, a change of the mask of a task that waits, and without the probes (a
 * recording of tracepoints only) most. A fork is no migration.
 */
import { MigrateCause, NOT_OBSERVED } from "./events.js";
/** How long the stopper may need to do what was decided. */
const ACTIVE_WINDOW_NS = 1_000_000;
/** Flags of select_task_rq. @spec 05 §1 */
const WF_EXEC = 2;
/** Causes by idle type, in our numbering: 0 idle, 1 busy, 2 newly idle. */
const BY_IDLE_TYPE = [MigrateCause.IDLE, MigrateCause.BUSY, MigrateCause.NEWIDLE];
const NONE = -1;
export class MigrateCauses {
    /** The open balance pass of each CPU. */
    #level;
    #idle;
    #lastActiveNs;
    /** The task that each CPU has detached or placed and not migrated so far. */
    #detached;
    #selected;
    #selectFlags;
    /** After `causeOf`: the level of the domain, for pulls. */
    level = NOT_OBSERVED;
    constructor(nrCpus) {
        this.#level = new Int32Array(nrCpus).fill(NONE);
        this.#idle = new Int32Array(nrCpus).fill(NONE);
        this.#lastActiveNs = new Float64Array(nrCpus).fill(Number.NEGATIVE_INFINITY);
        this.#detached = new Int32Array(nrCpus).fill(NONE);
        this.#selected = new Int32Array(nrCpus).fill(NONE);
        this.#selectFlags = new Int32Array(nrCpus);
    }
    /** `cpu` is always the CPU that does it, which for a nohz balance is not the one it is done for. */
    lbEnter(cpu, level, idle) {
        this.#level[cpu] = level;
        this.#idle[cpu] = idle;
    }
    lbLeave(cpu) {
        this.#level[cpu] = NONE;
        this.#idle[cpu] = NONE;
    }
    /** Level of the open pass of the CPU, or -1. */
    openLevel(cpu) {
        return this.#level[cpu];
    }
    activeBalance(cpu, timeNs) {
        this.#lastActiveNs[cpu] = timeNs;
    }
    detach(cpu, task) {
        this.#detached[cpu] = task;
    }
    select(cpu, task, flags) {
        this.#selected[cpu] = task;
        this.#selectFlags[cpu] = flags;
    }
    /** The cause of a migration by `cpu`, which is running its stopper (`migration/N`) or something else; sets `level`. */
    causeOf(cpu, task, timeNs, byStopper) {
        this.level = NOT_OBSERVED;
        if (this.#detached[cpu] === task) {
            this.#detached[cpu] = NONE;
            const idle = this.#idle[cpu];
            if (idle === NONE)
                return MigrateCause.ACTIVE;
            this.level = this.#level[cpu];
            return BY_IDLE_TYPE[idle] ?? MigrateCause.OTHER;
        }
        const selected = this.#selected[cpu] === task;
        const forExec = (this.#selectFlags[cpu] & WF_EXEC) !== 0;
        if (selected && forExec === byStopper) {
            this.#selected[cpu] = NONE;
            return forExec ? MigrateCause.EXEC : MigrateCause.WAKEUP;
        }
        if (!byStopper)
            return MigrateCause.OTHER;
        return timeNs - this.#lastActiveNs[cpu] < ACTIVE_WINDOW_NS ? MigrateCause.ACTIVE : MigrateCause.AFFINITY;
    }
}
