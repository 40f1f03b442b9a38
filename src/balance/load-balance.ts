/**
 * One balance pass: load_balance() in full. @spec 06 §3-4, §11
 *
 *   should this CPU? ─► busiest group ─► busiest queue ─► detach / attach (again for another destination or source when
 *   tasks are pinned) ─► failed too often: ask the source's stopper ─► adjust the interval
 */

import * as cfs from '../sched/cfs-rq.ts';
import { updateRqClock } from '../sched/clock.ts';
import { fact, forget } from '../sched/decide.ts';
import { Alb, DOMAIN_COUNTERS, IMBALANCE_COUNTERS, Lb } from '../sched/domain-state.ts';
import { SD } from '../sched/domains.ts';
import { k } from '../sched/kernel.ts';
import { lockRq } from '../sched/line-access.ts';
import * as loop from '../sched/loop.ts';
import { allowed, idleCpu } from '../sched/predicates.ts';
import { record } from '../sched/record.ts';
import * as rq from '../sched/rq.ts';
import { stopAndActiveBalance } from '../sched/stopper.ts';
import * as tasks from '../sched/tasks.ts';
import { Class, OnRq } from '../sched/tasks.ts';
import { Reason } from '../trace/decisions.ts';
import { Ev } from '../trace/events.ts';
import type { ActiveCallback } from './active-callback.ts';
import { attachTask, attachTasks, canMigrateTask, detachTask, detachTasks } from './detach.ts';
import { asymPrefer, capacityReduced, Idle, type LbEnv, LbFlag, Migrate, NR_MIGRATE_BREAK } from './env.ts';
import { decideActive, decidePass, forgetPass } from './explain-pass.ts';
import { findBusiestGroup, findBusiestQueue } from './find-busiest.ts';
import type { DomainStats } from './group-stats.ts';
import { nearCpusOfDomain } from './look-cost.ts';
import { passAllPinned, passBalanced, passFailed, passMoved, passOnePinned, passSoonAgain } from './pass-ending.ts';

export class LoadBalancer {
  readonly env: LbEnv;
  readonly #sds: DomainStats;
  /** should_we_balance said no: higher domains are not this CPU's business either. */
  keepGoing = true;

  /** A running task may be pushed by the stopper. */
  readonly #active: boolean;
  /** Who does it instead of the stopper. */
  readonly #callback: ActiveCallback | null;
  /** Times that the stopper ran for it, and that it took the CPU from a real-time task. */
  stops = 0;
  rtPreempted = 0;

  constructor(env: LbEnv, sds: DomainStats, active: boolean, callback: ActiveCallback | null = null) {
    this.#callback = callback;
    this.env = env;
    this.#sds = sds;
    this.#active = active;
  }

  /** What looking at the domain will cost this CPU, ns; nothing if it is not its turn. */
  statisticsCost(sd: number, dstCpu: number, idle: number): number {
    const { costs } = k;
    if (costs.statDomainNs === 0 && costs.statLlcNs === 0 && costs.statFarNs === 0) return 0;
    this.env.begin(sd, dstCpu, idle);
    const isOurTurn = this.#shouldWeBalance();
    // The pass itself will ask again, and note it.
    if (k.deciding) forget();
    if (!isOurTurn) return costs.statDomainNs;
    const within = (k.sd.flags[sd]! & SD.SHARE_PKG_RESOURCES) !== 0;
    const near = nearCpusOfDomain(sd);
    const perGroup = within ? costs.statGroupLlcNs : costs.statGroupNs;
    const cpus = near * costs.statLlcNs + (k.sd.spanWeight[sd]! - near) * costs.statFarNs;
    return costs.statDomainNs + costs.statPassNs + k.sd.ringLength[sd]! * perGroup + cpus;
  }

  /** The entry probe; the pass itself may be decided later. */
  enter(sd: number, dstCpu: number, idle: number): void {
    if (k.recorder.on[Ev.LB_ENTER] === 0) return;
    const { args } = k.recorder;
    args[0] = dstCpu;
    args[1] = k.sd.level[sd]!;
    args[2] = idle;
    args[3] = rq.nrRunning[dstCpu]!;
    args[4] = k.sd.balanceInterval[sd]!;
    args[5] = k.sd.lastBalance[sd]!;
    args[6] = k.sd.nrBalanceFailed[sd]!;
    args[7] = k.sd.maxNewidleLbCost[sd]!;
    args[8] = k.sd.newidleRatio[sd]!;
    k.recorder.emit(Ev.LB_ENTER, k.now, k.thisCpu, -1);
  }

  /** The pass. Returns the number of tasks moved; `keepGoing` tells about higher domains. `costNs` is for the trace. */
  balance(sd: number, dstCpu: number, idle: number, costNs: number): number {
    const { env } = this;
    env.begin(sd, dstCpu, idle);
    this.keepGoing = true;
    this.#count(Lb.COUNT);
    if (k.deciding) forgetPass(env);
    const moved = this.#run(dstCpu);
    if (k.recorder.on[Ev.LB_LEAVE]) this.#recordLeave(moved, costNs);
    if (k.deciding) decidePass(env, this.#sds, dstCpu, moved);
    return moved;
  }

  #run(thisCpu: number): number {
    const { env } = this;
    const { sd } = k;
    const domain = env.sd;
    let moved = 0;
    for (;;) {
      if (!this.#shouldWeBalance()) {
        this.keepGoing = false;
        return this.#balanced();
      }
      const group = findBusiestGroup(env, this.#sds);
      env.busiestGroup = group;
      if (k.recorder.on[Ev.LB_BUSIEST]) this.#recordBusiest(group);
      if (group < 0) {
        this.#count(Lb.NOBUSYG);
        return this.#balanced();
      }
      const busiest = findBusiestQueue(env, group);
      if (busiest < 0) {
        this.#count(Lb.NOBUSYQ);
        return this.#balanced();
      }
      sd.counters[domain * DOMAIN_COUNTERS + env.idle * 8 + Lb.IMBALANCE]! += env.imbalance;
      sd.imbalances[domain * IMBALANCE_COUNTERS + env.idle * 4 + env.migrationType]! += env.imbalance;
      env.srcCpu = busiest;
      env.busiestCpu = busiest;
      if (k.deciding) {
        fact('imbalance', env.imbalance);
        fact('migration_type', env.migrationType);
      }
      env.flags |= LbFlag.ALL_PINNED;
      if (rq.nrRunning[busiest]! <= 1) {
        env.refuse(Reason.RUNNING, 'the busiest queue has nothing but its running task');
        break;
      }
      env.loopMax = Math.min(k.tunables.nrMigrate, rq.nrRunning[busiest]!);
      moved = this.#move();
      const parent = sd.parent[domain]!;
      if (parent >= 0 && (env.flags & LbFlag.SOME_PINNED) !== 0 && env.imbalance > 0) {
        sd.sgcImbalance[sd.groupSgc[sd.localGroup(parent)]!] = 1;
      }
      if ((env.flags & LbFlag.ALL_PINNED) === 0) break;
      env.strike(busiest);
      if (this.#onlyLocalLeft()) return this.#allPinned();
      env.busiestCpu = -1;
      env.loop = 0;
      env.loopBreak = NR_MIGRATE_BREAK;
    }

    let started = false;
    if (moved === 0) {
      this.#count(Lb.FAILED);
      passFailed(domain, env.idle);
      if (this.#needActiveBalance()) {
        const src = env.srcCpu;
        if (!allowed(rq.curr[src]!, thisCpu)) {
          env.refuse(Reason.ALL_PINNED, 'active balance: the affinity of the running task does not allow the CPU');
          passOnePinned(domain, env.idle, env.flags);
          return 0;
        }
        env.flags &= ~LbFlag.ALL_PINNED;
        env.refuse(Reason.RUNNING, 'active balance: its stopper is already at work');
        if (rq.activeBalance[src] === 0) {
          env.refuse(Reason.RUNNING, 'active balance: its stopper is asked to push a task here');
          rq.activeBalance[src] = 1;
          rq.pushCpu[src] = thisCpu;
          started = true;
          if (this.#callback === null) stopAndActiveBalance(src);
          else this.#callback.note(src);
        }
      }
    } else {
      passMoved(domain);
    }
    if (!started || this.#needActiveBalance()) passSoonAgain(domain);
    return moved;
  }

  /** Detaches and attaches, for one destination after another while tasks are pinned away from the first. */
  #move(): number {
    const { env } = this;
    let moved = 0;
    for (;;) {
      updateRqClock(env.srcCpu);
      const n = detachTasks(env);
      if (n > 0) {
        attachTasks(env);
        moved += n;
      }
      if ((env.flags & LbFlag.NEED_BREAK) !== 0) {
        env.flags &= ~LbFlag.NEED_BREAK;
        continue;
      }
      if ((env.flags & LbFlag.DST_PINNED) === 0 || env.imbalance <= 0) return moved;
      env.strike(env.dstCpu);
      env.dstCpu = env.newDstCpu;
      env.flags &= ~LbFlag.DST_PINNED;
      env.loop = 0;
      env.loopBreak = NR_MIGRATE_BREAK;
    }
  }

  /** Nothing to try outside the local group any more. */
  #onlyLocalLeft(): boolean {
    const { env } = this;
    const { sd } = k;
    const local = sd.localGroup(env.sd);
    const balance = sd.groupBalanceBase[local]!;
    const length = sd.groupBalanceLength[local]!;
    let left = 0;
    for (const word of env.cpus) for (let bits = word; bits !== 0; bits &= bits - 1) left++;
    for (let i = 0; i < length; i++) if (env.has(sd.lists[balance + i]!)) left--;
    return left === 0;
  }

  /** @spec 06 §4 */
  #shouldWeBalance(): boolean {
    const { env } = this;
    const { sd } = k;
    if (!env.has(env.dstCpu))
      return env.refuse(Reason.ALL_PINNED, 'the CPU has been struck: tasks are pinned away from it');
    if (env.idle === Idle.NEWLY_IDLE) {
      if (rq.nrRunning[env.dstCpu] === 0 && rq.ttwuPending[env.dstCpu] === 0) return true;
      return env.refuse(Reason.LOST_RACE, 'should_we_balance: a task has come to this CPU meanwhile');
    }
    const local = sd.localGroup(env.sd);
    const base = sd.groupBalanceBase[local]!;
    for (let i = 0; i < sd.groupBalanceLength[local]!; i++) {
      const cpu = sd.lists[base + i]!;
      if (!env.has(cpu) || !idleCpu(cpu)) continue;
      if (cpu === env.dstCpu) return true;
      if (k.deciding) fact('balance_cpu', cpu);
      return env.refuse(Reason.NOT_ITS_TURN, 'should_we_balance: another CPU is the first idle one of the group');
    }
    if (sd.groupBalanceCpu[local] === env.dstCpu) return true;
    if (k.deciding) fact('balance_cpu', sd.groupBalanceCpu[local]!);
    return env.refuse(Reason.NOT_ITS_TURN, 'should_we_balance: no CPU of the group idles, and another is its first');
  }

  #needActiveBalance(): boolean {
    const { env } = this;
    record(
      Ev.NEED_ACTIVE,
      k.thisCpu,
      env.srcCpu,
      env.dstCpu,
      env.idle,
      k.sd.level[env.sd]!,
      k.sd.nrBalanceFailed[env.sd]!,
    );
    const need = this.#active && this.#activeBalanceNeeded();
    if (k.tracing) record(Ev.NEED_ACTIVE_RET, k.thisCpu, need ? 1 : 0);
    return need;
  }

  /** @spec 06 §11 */
  #activeBalanceNeeded(): boolean {
    const { env } = this;
    const { sd } = k;
    const src = env.srcCpu;
    const idle = env.idle !== Idle.NOT_IDLE;
    if (idle && (sd.flags[env.sd]! & SD.ASYM_PACKING) !== 0 && asymPrefer(env.dstCpu, src)) return true;
    if (env.migrationType === Migrate.TASK && sd.nrBalanceFailed[env.sd]! > sd.cacheNiceTries[env.sd]! + 2) return true;
    if (
      idle &&
      cfs.hNrRunning[src] === 1 &&
      capacityReduced(src, env.sd) &&
      rq.cpuCapacity[src]! * sd.imbalancePct[env.sd]! < rq.cpuCapacity[env.dstCpu]! * 100
    ) {
      return true;
    }
    return env.migrationType === Migrate.MISFIT;
  }

  #balanced(): number {
    const { env } = this;
    this.#count(Lb.BALANCED);
    passBalanced(env.sd, env.idle, env.flags);
    return 0;
  }

  #allPinned(): number {
    const { env } = this;
    env.refuse(Reason.ALL_PINNED, 'no task of any busy queue may run on the CPU');
    this.#count(Lb.BALANCED);
    passAllPinned(env.sd, env.idle, env.flags);
    return 0;
  }

  #count(what: number): void {
    k.sd.counters[this.env.sd * DOMAIN_COUNTERS + this.env.idle * 8 + what]! += 1;
  }

  /** The stopper of the source CPU moves whichever task it can to `push_cpu`. @spec 06 §11 */
  activeBalanceStop(src: number): void {
    this.stops++;
    const preempted = loop.previous[src]!;
    if (tasks.schedClass[preempted] === Class.RT && tasks.onRq[preempted] === OnRq.QUEUED) this.rtPreempted++;
    const { env } = this;
    const { sd } = k;
    const target = rq.pushCpu[src]!;
    if (k.tracing) record(Ev.ACTIVE_BALANCE, src, src, rq.nrRunning[src]!, target);
    let pushed = -1;
    if (k.deciding) forgetPass(env);
    env.refuse(Reason.LOST_RACE, 'the queue has one task or none by now');
    if (k.cpuActive[src] !== 0 && k.cpuActive[target] !== 0 && rq.activeBalance[src] !== 0 && rq.nrRunning[src]! > 1) {
      let domain = sd.lowest[target]!;
      while (domain >= 0 && !sd.spans(domain, src)) domain = sd.parent[domain]!;
      if (domain >= 0) {
        const counters = domain * DOMAIN_COUNTERS;
        sd.counters[counters + Alb.COUNT]! += 1;
        lockRq(src, k.costs.lockDetachNs);
        updateRqClock(src);
        env.begin(domain, target, Idle.IDLE);
        env.srcCpu = src;
        env.flags = LbFlag.ACTIVE_LB;
        pushed = this.#detachOne();
        if (pushed >= 0) {
          sd.counters[counters + Alb.PUSHED]! += 1;
          sd.nrBalanceFailed[domain] = 0;
        } else {
          sd.counters[counters + Alb.FAILED]! += 1;
        }
      }
    }
    rq.activeBalance[src] = 0;
    if (k.deciding) decideActive(env, src, target, pushed);
    if (pushed >= 0) {
      lockRq(target, k.costs.lockAttachNs);
      updateRqClock(target);
      attachTask(target, pushed);
    }
  }

  /** The least recently used task that may go. */
  #detachOne(): number {
    const { env } = this;
    for (let task = rq.cfsTasksTail[env.srcCpu]!; task >= 0; task = tasks.listPrev[task]!) {
      if (!canMigrateTask(env, task)) continue;
      detachTask(env, task);
      k.sd.counters[env.sd * DOMAIN_COUNTERS + Idle.IDLE * 8 + Lb.GAINED]! += 1;
      return task;
    }
    return -1;
  }

  #recordBusiest(group: number): void {
    const { env } = this;
    const { args } = k.recorder;
    args[0] = env.dstCpu;
    args[1] = k.sd.level[env.sd]!;
    args[2] = env.idle;
    args[3] = group + 1;
    args[4] = group < 0 ? 0 : k.sd.masks[k.sd.groupMask[group]!]!;
    args[5] = group < 0 || k.sd.maskWords < 2 ? 0 : k.sd.masks[k.sd.groupMask[group]! + 1]!;
    args[6] = env.imbalance;
    args[7] = env.migrationType;
    k.recorder.emit(Ev.LB_BUSIEST, k.now, k.thisCpu, -1);
  }

  #recordLeave(moved: number, costNs: number): void {
    const { env } = this;
    const { args } = k.recorder;
    args[0] = env.dstCpu;
    args[1] = k.sd.level[env.sd]!;
    args[2] = env.idle;
    args[3] = moved;
    args[4] = Math.max(0, env.srcCpu);
    args[5] = env.imbalance;
    args[6] = env.migrationType;
    args[7] = env.flags;
    args[8] = env.loop;
    args[9] = k.sd.balanceInterval[env.sd]!;
    args[10] = k.sd.nrBalanceFailed[env.sd]!;
    args[11] = costNs;
    k.recorder.emit(Ev.LB_LEAVE, k.now, k.thisCpu, -1);
  }
}
