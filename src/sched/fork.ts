/**
 * Tasks come and go: fork, first wakeup, exec, exit. @spec 05 §6-7
 */
import { Ev, MigrateCause } from '../trace/events.ts';
import type { TaskKind } from '../workload/program.ts';
import { activateTask, checkPreemptCurr, setTaskRq } from './activate.ts';
import * as avg from './averages.ts';
import { AVG_SE } from './averages.ts';
import { updateRqClock } from './clock.ts';
import * as se from './entity.ts';
import { setLoadWeight, taskForkFair } from './fair.ts';
import { Enqueue } from './fair-entity.ts';
import { Wake } from './hooks.ts';
import { allocateTask, k } from './kernel.ts';
import { lockRq } from './line-access.ts';
import { postInitEntityUtilAvg } from './load-avg.ts';
import { tracePrio } from './predicates.ts';
import { policyNumber } from './program-code.ts';
import * as progress from './progress.ts';
import { recordTask } from './record.ts';
import { charge, setNeedResched } from './signals.ts';
import { stopAndMigrate } from './stopper.ts';
import { setPolicyFields } from './task-changes.ts';
import * as tasks from './tasks.ts';
import { Class, Policy, State, TASK_NORMAL } from './tasks.ts';
import { setClamps } from './uclamp.ts';
import { selectTaskRq, tryToWakeUp } from './wakeup.ts';
import { scaleDown } from './weight.ts';

/** pids of workload tasks count from here. */
const FIRST_PID = 1000;

/** Takes a slot and fills in a task of a kind, not yet runnable, on the executing CPU; `index` -1: the kind's next. */
export function createTask(kind: number, parent: number, index: number): number {
  const task = allocateTask();
  const spec = k.programs.workload.kinds[kind]!;
  tasks.clear(task);
  se.clear(task);
  progress.clear(task);
  avg.clearRows(AVG_SE + task, 1);
  tasks.alive[task] = 1;
  tasks.state[task] = State.NEW;
  tasks.wakeeFlipDecay[task] = k.jiffies;
  if (parent >= 0) inherit(task, parent);
  if (spec.cpus !== null) tasks.allowed[task] = k.affinity.of(spec.cpus);
  tasks.nrAllowed[task] = k.affinity.weight(tasks.allowed[task]!);
  tasks.kthread[task] = spec.kthread ? 1 : 0;
  tasks.perCpuKthread[task] = spec.kthread && tasks.nrAllowed[task] === 1 ? 1 : 0;
  if (spec.group >= 0) tasks.group[task] = spec.group + 1;
  setBirthPolicy(task, spec, parent);
  setClamps(task, spec.utilMin ?? -1, spec.utilMax ?? -1);
  setLoadWeight(task, false);
  avg.loadAvg[AVG_SE + task] = scaleDown(se.weight[task]!);
  k.programs.start(task, kind, parent, index);
  tasks.traceId[task] = k.recorder.addTask({
    pid: FIRST_PID + k.nextPid++,
    comm: spec.comm.replace('%d', `${progress.index[task]}`).slice(0, 15),
    kind: spec.name,
    kthread: spec.kthread,
  });
  setTaskRq(task, k.thisCpu);
  if (k.eevdf && parent >= 0) inheritDeadline(task, parent);
  if (tasks.schedClass[task] === Class.FAIR) taskForkFair(task);
  return task;
}

/** What a child has from its parent in any case. @spec 05 §3.1 */
function inherit(task: number, parent: number): void {
  tasks.allowed[task] = tasks.allowed[parent]!;
  tasks.group[task] = tasks.group[parent]!;
  tasks.lastWakee[task] = tasks.lastWakee[parent]!;
  tasks.wakeeFlips[task] = tasks.wakeeFlips[parent]!;
  tasks.wakeeFlipDecay[task] = tasks.wakeeFlipDecay[parent]!;
  tasks.utilMin[task] = tasks.utilMin[parent]!;
  tasks.utilMax[task] = tasks.utilMax[parent]!;
}

/**
 * The parent's entity is copied, and of one that has left the fair class the deadline has stayed relative: then it is the
 * child's first. As recorded of 6.12. @spec 22 §2
 */
function inheritDeadline(task: number, parent: number): void {
  if (se.relDeadline[parent] === 0) return;
  se.relDeadline[task] = 1;
  se.deadline[task] = se.deadline[parent]!;
}

/** Policy and nice level: the kind's, or the parent's where the kind says so. */
function setBirthPolicy(task: number, spec: TaskKind, parent: number): void {
  if (spec.inherits !== true || parent < 0) {
    tasks.nice[task] = spec.nice;
    setPolicyFields(task, policyNumber(spec.policy), spec.priority);
    return;
  }
  const parentKind = k.programs.workload.kinds[progress.kind[parent]!]!;
  const reset = parentKind.resetOnFork === true;
  tasks.nice[task] = reset ? 0 : tasks.nice[parent]!;
  const policy = reset ? Policy.NORMAL : tasks.policy[parent]!;
  setPolicyFields(task, policy, 99 - tasks.prio[parent]!);
}

/** One child of the current task. @spec 05 §6 */
export function doFork(parent: number, kind: number, index: number): void {
  k.rcuBusyUntil = k.now + k.config.environment.rcuGraceNs;
  const child = createTask(kind, parent, index);
  if (k.tracing) recordTask(Ev.SCHED_PROCESS_FORK, k.thisCpu, parent, tasks.traceId[child]!);
  announceAffinity(child);
  wakeUpNewTask(child);
}

/** The trace says where a task may run from its birth, if that is not everywhere. */
export function announceAffinity(task: number): void {
  const allowed = tasks.allowed[task]!;
  if (allowed === 0 || k.recorder.on[Ev.AFFINITY] === 0) return;
  if (k.tracing) recordTask(Ev.AFFINITY, k.thisCpu, task, k.recorder.mask([...k.affinity.list(allowed)]));
}

/** A new task is placed and queued, always by its parent. */
export function wakeUpNewTask(task: number): void {
  tasks.state[task] = State.RUNNING;
  tasks.recentUsedCpu[task] = tasks.cpu[task]!;
  const cpu = selectTaskRq(task, tasks.cpu[task]!, Wake.FORK);
  setTaskRq(task, cpu);
  lockRq(cpu, k.costs.lockEnqueueNs);
  updateRqClock(cpu);
  postInitEntityUtilAvg(task);
  activateTask(cpu, task, Enqueue.INITIAL);
  if (k.tracing) recordTask(Ev.SCHED_WAKEUP_NEW, k.thisCpu, task, cpu, tracePrio(task));
  checkPreemptCurr(cpu, task, Wake.FORK);
}

/** The current task replaces its program: a chance to go somewhere better. @spec 05 §7 */
export function schedExec(cpu: number, task: number): void {
  const to = selectTaskRq(task, tasks.cpu[task]!, Wake.EXEC);
  if (to !== cpu && k.cpuActive[to] !== 0) stopAndMigrate(task, to, MigrateCause.EXEC, -1);
}

/** The current task ends; its slot is free once its CPU has switched away. */
export function doExit(cpu: number, task: number): void {
  k.rcuBusyUntil = k.now + k.config.environment.rcuGraceNs;
  const { programs } = k;
  if (k.tracing) recordTask(Ev.SCHED_PROCESS_EXIT, cpu, task, tracePrio(task));
  if (k.emulator === null) charge(cpu, k.costs.exitNs);
  programs.alive--;
  const parent = progress.parent[task]!;
  if (parent >= 0 && tasks.alive[parent] !== 0) {
    progress.children[parent]! -= 1;
    if (progress.waitsForChildren[parent] !== 0 && progress.children[parent] === 0) {
      progress.waitsForChildren[parent] = 0;
      tryToWakeUp(parent, TASK_NORMAL, 0);
    }
  }
  orphan(task);
  tasks.state[task] = State.DEAD;
  setNeedResched(cpu);
}

/** Children outlive their parent: nobody waits for them any more. */
function orphan(parent: number): void {
  if (progress.children[parent] === 0) return;
  for (let task = 2 * k.nrCpus; task < k.nrTasks; task++)
    if (progress.parent[task] === parent) progress.parent[task] = -1;
}
