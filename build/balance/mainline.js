/**
 * The balancing of mainline Linux, as a composition of parts: each decision of the scheduler is made by the mechanism that
 * the policy names for it. @spec 05-07
 */
import { UNFINISHED, Wake } from "../sched/hooks.js";
import { k } from "../sched/kernel.js";
import { updateBlockedAverages } from "../sched/load-avg.js";
import * as rq from "../sched/rq.js";
import { charge } from "../sched/signals.js";
import { raiseSchedSoftirq } from "../sched/softirq.js";
import { Idle, LbEnv } from "./env.js";
import { IdlestSearch } from "./find-idlest.js";
import { DomainStats } from "./group-stats.js";
import { LoadBalancer } from "./load-balance.js";
import { updateMisfitStatus } from "./misfit.js";
import { Newidle } from "./newidle.js";
import { NohzBalancer, nohzBalanceEnterIdle, nohzBalancerKick, nohzCsdFunc, nohzRunIdleBalance, STATS_KICK, } from "./nohz.js";
import { Rebalance } from "./rebalance.js";
import { IdleSearch, updateIdleCore } from "./select-idle-sibling.js";
import { selectTaskRqFair } from "./select-task-rq.js";
/** What the SCHED softirq of a CPU is doing. */
const Mode = { NONE: 0, OWN: 1, NOHZ: 2 };
export class MainlineBalance {
    #parts;
    #idleSearch;
    #idlestSearch;
    #lb;
    #newidle;
    #rebalance;
    #nohz;
    #mode;
    constructor(parts, nrCpus) {
        this.#parts = parts;
        this.#idleSearch = new IdleSearch(nrCpus);
        this.#idlestSearch = new IdlestSearch();
        this.#lb = new LoadBalancer(new LbEnv(nrCpus), new DomainStats(), parts.active === 'stopper');
        this.#newidle = new Newidle(nrCpus, this.#lb);
        this.#rebalance = new Rebalance(nrCpus, this.#lb);
        this.#nohz = new NohzBalancer(nrCpus, this.#rebalance);
        this.#mode = new Uint8Array(nrCpus);
    }
    selectTaskRqFair(task, prev, flags, cpu) {
        const part = (flags & Wake.TTWU) !== 0 ? this.#parts.wakeup : (flags & Wake.FORK) !== 0 ? this.#parts.fork : this.#parts.exec;
        if (part === 'stay')
            return prev;
        return selectTaskRqFair(this.#idleSearch, this.#idlestSearch, task, prev, flags, cpu);
    }
    newidleBegin(cpu) {
        if (this.#parts.newidle === 'off') {
            // The idle spell is timed all the same: avg_idle is not newidle's alone.
            rq.idleStamp[cpu] = rq.clock[cpu];
            return false;
        }
        return this.#newidle.begin(cpu);
    }
    newidleStep(cpu) {
        return this.#newidle.step(cpu);
    }
    triggerLoadBalance(cpu) {
        if (k.sd.lowest[cpu] < 0 || k.cpuActive[cpu] === 0)
            return;
        if (k.jiffies >= rq.nextBalance[cpu] && this.#parts.periodic === 'on')
            raiseSchedSoftirq(cpu);
        if (this.#parts.nohz === 'on')
            nohzBalancerKick(cpu);
    }
    softirqStep(cpu, first) {
        if (first)
            this.#softirqBegin(cpu);
        const result = this.#mode[cpu] === Mode.NOHZ ? this.#nohz.step(cpu) : this.#rebalance.step(cpu);
        if (result !== UNFINISHED)
            this.#mode[cpu] = Mode.NONE;
        return result;
    }
    /** @spec 06 §2.2 */
    #softirqBegin(cpu) {
        const idle = rq.idleBalance[cpu] !== 0 ? Idle.IDLE : Idle.NOT_IDLE;
        const flags = rq.nohzIdleBalance[cpu];
        rq.nohzIdleBalance[cpu] = 0;
        if (flags !== 0 && idle === Idle.IDLE) {
            this.#mode[cpu] = Mode.NOHZ;
            this.#nohz.begin(cpu, flags);
            return;
        }
        this.#mode[cpu] = Mode.OWN;
        updateBlockedAverages(cpu);
        charge(cpu, k.costs.blockedNs);
        this.#rebalance.begin(cpu, cpu, idle);
    }
    idleIterationStep(cpu) {
        if (!this.#nohz.isActive(cpu)) {
            if (!nohzRunIdleBalance(cpu))
                return 0;
            this.#nohz.begin(cpu, STATS_KICK);
        }
        return this.#nohz.step(cpu);
    }
    tickStopped(cpu) {
        nohzBalanceEnterIdle(cpu);
    }
    nohzCall(cpu) {
        nohzCsdFunc(cpu);
    }
    activeBalanceStop(cpu) {
        this.#lb.activeBalanceStop(cpu);
    }
    idleTaskPicked(cpu) {
        updateIdleCore(cpu);
    }
    updateMisfitStatus(task, cpu) {
        updateMisfitStatus(task, cpu);
    }
}
