/** The decision record of a balance pass, from what the pass left in its environment. @spec 23 §5.2 */
import { decide, fact, forget } from '../sched/decide.ts';
import { k } from '../sched/kernel.ts';
import { DecisionKind, REASONS, Reason } from '../trace/decisions.ts';
import { Idle, type LbEnv } from './env.ts';
import type { DomainStats } from './group-stats.ts';

/** A pass begins: nothing noted so far is its. */
export function forgetPass(env: LbEnv): void {
  forget();
  env.refused.fill(0);
}

/** The pass of `cpu` is over. */
export function decidePass(env: LbEnv, sds: DomainStats, cpu: number, moved: number): void {
  const { sd } = k;
  if (env.reason !== Reason.NOT_ITS_TURN && env.reason !== Reason.LOST_RACE && sds.avgLoad > 0) {
    fact('local_avg_load', sds.local.avgLoad);
    fact('busiest_avg_load', sds.busiest.avgLoad);
    fact('domain_avg_load', sds.avgLoad);
  }
  if (env.dstCpu !== cpu) fact('new_dst_cpu', env.dstCpu);
  fact('nr_balance_failed', sd.nrBalanceFailed[env.sd]!);
  fact('balance_interval_ms', sd.balanceInterval[env.sd]!);
  settleReason(env, moved);
  const level = sd.level[env.sd]!;
  decide(DecisionKind.BALANCE, cpu, -1, env.busiestCpu, env.reason, env.why, moved, level, env.idle);
}

/** There was no pass over the domain of `cpu` at all. */
export function decideNoPass(sd: number, cpu: number, idle: number, reason: Reason, why: string): void {
  decide(DecisionKind.BALANCE, cpu, -1, -1, reason, why, 0, k.sd.level[sd]!, idle);
}

/** Newidle balance of `cpu` as a whole does not begin. */
export function decideNewidle(cpu: number, reason: Reason, why: string): void {
  decide(DecisionKind.NEWIDLE, cpu, -1, -1, reason, why, 0, -1, Idle.NEWLY_IDLE);
}

/** A CPU about to idle looked for one task by means of its own: what came from `source` (-1: none), or why nothing. */
export function decideSteal(cpu: number, task: number, source: number, reason: Reason, why: string): void {
  const moved = reason === Reason.PULLED ? 1 : 0;
  decide(DecisionKind.STEAL, cpu, task, source, reason, why, moved, -1, Idle.NEWLY_IDLE);
}

/** A waiting task of the queue of `cpu` was to be pushed to `target` (-1: there is none). */
export function decidePush(cpu: number, task: number, target: number, reason: Reason, why: string): void {
  decide(DecisionKind.PUSH, cpu, task, target, reason, why, reason === Reason.PULLED ? 1 : 0);
}

/** The stopper of `src` has pushed `task` to `target`, or none (-1). */
export function decideActive(env: LbEnv, src: number, target: number, task: number): void {
  if (env.refused.some((n) => n > 0)) env.reason = Reason.NONE;
  settleReason(env, task >= 0 ? 1 : 0);
  const level = env.sd >= 0 ? k.sd.level[env.sd]! : -1;
  decide(DecisionKind.ACTIVE_BALANCE, src, task, target, env.reason, env.why, task >= 0 ? 1 : 0, level);
}

/** The task noted on `src` goes to `target`, now that it is switched out, or does not. `sd`: their common domain, or -1. */
export function decideHandover(
  src: number,
  task: number,
  target: number,
  sd: number,
  reason: Reason,
  why: string,
): void {
  const level = sd >= 0 ? k.sd.level[sd]! : -1;
  decide(DecisionKind.ACTIVE_BALANCE, src, task, target, reason, why, reason === Reason.PULLED ? 1 : 0, level);
}

/** What moved something was pulled; what found tasks and moved none has the reason that most of them were refused for. */
function settleReason(env: LbEnv, moved: number): void {
  if (moved > 0) {
    env.reason = Reason.PULLED;
    env.why = '';
    return;
  }
  if (env.reason !== Reason.NONE) return;
  let most = 0;
  for (let reason = 0; reason < REASONS.length; reason++) {
    if (env.refused[reason]! <= most) continue;
    most = env.refused[reason]!;
    env.reason = reason as Reason;
    env.why = '';
  }
  if (most === 0) env.refuse(Reason.LOST_RACE, 'the queue had nothing to give');
}
