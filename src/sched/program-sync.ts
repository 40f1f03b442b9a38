/**
 * Instructions by which tasks wait for each other: sleeping, spinning, messages, locks. What is released is handed over at
 * once: the one who waited longest owns it from that moment, whenever it gets to run. @spec 25 §11.6
 */
import { Wake } from './hooks.ts';
import { k } from './kernel.ts';
import * as loop from './loop.ts';
import * as progress from './progress.ts';
import { beginCall, beginWork, nextInstruction, Phase } from './progress-steps.ts';
import * as rq from './rq.ts';
import { ENDLESS } from './segment.ts';
import { charge, setNeedResched } from './signals.ts';
import * as tasks from './tasks.ts';
import { State, TASK_NORMAL } from './tasks.ts';
import type { WaitQueues } from './wait-queues.ts';
import { tryToWakeUp } from './wakeup.ts';

/** The task sleeps; the CPU will schedule before it does anything else for it. */
export function block(cpu: number, task: number, state: number): true {
  progress.phase[task] = Phase.ASLEEP;
  tasks.state[task] = state;
  setNeedResched(cpu);
  charge(cpu, k.costs.sleepCallNs);
  return true;
}

export function waitIn(cpu: number, task: number, queues: WaitQueues, queue: number, state = SLEEPING): true {
  queues.add(queue, task);
  return block(cpu, task, state);
}
const SLEEPING: number = State.INTERRUPTIBLE;

export function wakeWaiter(task: number, flags: number): void {
  tryToWakeUp(task, TASK_NORMAL, flags);
}

/** Wakes all who are suspended. */
export function resume(suspension: number): void {
  const { sync, workload } = k.programs;
  if (workload.suspensions[suspension]!.keepsTicks === true) {
    k.rcuBusyUntil = k.now + k.config.environment.rcuGraceNs;
  }
  while (!sync.suspended.isEmpty(suspension)) wakeWaiter(sync.suspended.take(suspension), 0);
}

/** Puts tokens into a semaphore; each goes to whoever waits longest, sleepers before spinners. */
export function releaseTokens(semaphore: number, count: number, sync: boolean): void {
  const o = k.programs.sync;
  for (let i = 0; i < count; i++) {
    const sleeper = o.semaphoreWaiters.take(semaphore);
    if (sleeper >= 0) {
      wakeWaiter(sleeper, sync ? Wake.SYNC : 0);
      continue;
    }
    const spinner = o.semaphoreSpinners.take(semaphore);
    if (spinner >= 0) stopSpinning(spinner);
    else o.semaphoreTokens[semaphore]! += 1;
  }
}

/** What a spinning task waits for has come; if it is running it notices at once. */
function stopSpinning(task: number): void {
  const cpu = tasks.cpu[task]!;
  if (rq.curr[cpu] === task && loop.segmentActive[cpu] !== 0 && progress.refillNs[task] === 0) {
    loop.segmentWork[cpu] = 0;
    k.queue.schedule(k.slotRun + cpu, k.now);
  } else {
    progress.work[task] = 0;
    progress.phase[task] = Phase.COMPUTED;
  }
}

/** The message is ready; it goes to a waiting reader, into the channel, or the sender waits for room. */
export function send(cpu: number, task: number, at: number): true {
  const p = k.programs;
  const channel = p.ref(task, at, p.workload.channels);
  const o = p.sync;
  const reader = o.channelReaders.take(channel);
  if (reader >= 0) {
    charge(cpu, k.costs.wakeFirstNs);
    wakeWaiter(reader, o.channelSync[channel] !== 0 ? Wake.SYNC : 0);
    return nextInstruction(task);
  }
  const taken = o.channelMessages[channel]! + o.channelTaken[channel]!;
  if (taken >= o.channelCapacity[channel]!) return waitIn(cpu, task, o.channelWriters, channel);
  o.channelMessages[channel]! += 1;
  return nextInstruction(task);
}

/** The kernel's work on a message, on this machine. */
export function messageWork(work: number): number {
  return Math.round(work * k.costs.messageScale);
}

/**
 * A sender that was woken because there was room tries again, unless its message went straight into the place that had become
 * free.
 */
export function sendAgain(cpu: number, task: number, at: number): true {
  const p = k.programs;
  return handsOver(p.ref(task, at, p.workload.channels)) ? nextInstruction(task) : send(cpu, task, at);
}

/** Room for one message is made, one at a time. */
function handsOver(channel: number): boolean {
  const o = k.programs.sync;
  return o.channelPage[channel] === 1 && o.channelWakeAllAt[channel]! < 0;
}

/**
 * A message is taken out: senders that wait may go on. Measured on Linux: senders of a full unix socket all wake when a
 * quarter of its buffer is still in use; one sender of a full pipe wakes when a page has been emptied. @spec 25 §1
 */
function takeMessage(channel: number): void {
  const o = k.programs.sync;
  const flags = o.channelSync[channel] !== 0 ? Wake.SYNC : 0;
  if (handsOver(channel)) {
    const writer = o.channelWriters.take(channel);
    // It puts its message into the place that has just become free.
    if (writer >= 0) wakeWaiter(writer, flags);
    else o.channelMessages[channel]! -= 1;
    return;
  }
  o.channelMessages[channel]! -= 1;
  const left = o.channelMessages[channel]!;
  const taken = o.channelTaken[channel]! + 1;
  const emptied = left === 0 || taken === o.channelPage[channel];
  o.channelTaken[channel] = emptied ? 0 : taken;
  const all = o.channelWakeAllAt[channel]!;
  if (all < 0 ? !emptied : left > all) return;
  do {
    const writer = o.channelWriters.take(channel);
    if (writer < 0) return;
    wakeWaiter(writer, flags);
  } while (all >= 0);
}

/** Takes a message, or waits for one; then it has to be dealt with. */
export function receive(cpu: number, task: number, at: number): true {
  const p = k.programs;
  const channel = p.ref(task, at, p.workload.channels);
  const o = p.sync;
  if (o.channelMessages[channel] === 0) return waitIn(cpu, task, o.channelReaders, channel);
  takeMessage(channel);
  return beginCall(task, messageWork(p.draw(task, p.code.args[at + 3]!)));
}

/** The mutex goes to whoever has waited longest. */
export function unlock(mutex: number): void {
  const o = k.programs.sync;
  const waiter = o.mutexWaiters.take(mutex);
  o.mutexOwner[mutex] = waiter;
  if (waiter >= 0) wakeWaiter(waiter, 0);
}

/** One waiter of the condition goes on, as soon as it has its mutex again. */
export function signal(condition: number): void {
  const o = k.programs.sync;
  const waiter = o.conditionWaiters.take(condition);
  if (waiter < 0) return;
  const mutex = progress.mutex[waiter]!;
  if (o.mutexOwner[mutex]! >= 0) {
    o.mutexWaiters.add(mutex, waiter);
    return;
  }
  o.mutexOwner[mutex] = waiter;
  wakeWaiter(waiter, 0);
}

/** The last to arrive lets all others go. */
export function barrier(cpu: number, task: number, at: number): true {
  const p = k.programs;
  const b = p.ref(task, at, p.workload.barriers);
  const o = p.sync;
  if (o.barrierArrived[b]! + 1 < o.barrierParties[b]!) {
    o.barrierArrived[b]! += 1;
    if (p.code.args[at + 3] === 0) return waitIn(cpu, task, o.barrierWaiters, b);
    o.barrierSpinners.add(b, task);
    return beginWork(task, ENDLESS);
  }
  o.barrierArrived[b] = 0;
  while (!o.barrierWaiters.isEmpty(b)) wakeWaiter(o.barrierWaiters.take(b), 0);
  while (!o.barrierSpinners.isEmpty(b)) stopSpinning(o.barrierSpinners.take(b));
  return nextInstruction(task);
}

/** The spinlock of the CPU the task is on. @spec 25 §3 */
export function lockCpu(cpu: number, task: number): true {
  const o = k.programs.sync;
  progress.lockedCpu[task] = cpu;
  if (o.cpuLockOwner[cpu]! >= 0) {
    o.cpuLockSpinners.add(cpu, task);
    return beginWork(task, ENDLESS);
  }
  o.cpuLockOwner[cpu] = task;
  return nextInstruction(task);
}

export function unlockCpu(task: number): void {
  const o = k.programs.sync;
  const cpu = progress.lockedCpu[task]!;
  if (cpu < 0 || o.cpuLockOwner[cpu] !== task) return;
  progress.lockedCpu[task] = -1;
  const next = o.cpuLockSpinners.take(cpu);
  o.cpuLockOwner[cpu] = next;
  if (next >= 0) stopSpinning(next);
}
