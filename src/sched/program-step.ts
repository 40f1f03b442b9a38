/**
 * Carries out the programs of tasks: one instruction, or one part of an instruction, at a time, on the CPU where the task
 * is current. The dispatch is one long switch because a jump on a small integer is what makes it fast; each case is a few
 * lines. @spec 25 §11.6
 */
import { Ev } from '../trace/events.ts';
import { MAX_LOOP_DEPTH } from '../workload/build.ts';
import { yieldTaskFair } from './fair.ts';
import { doExit, doFork, schedExec } from './fork.ts';
import { Wake } from './hooks.ts';
import type { Kernel } from './kernel.ts';
import { ARGS, Op } from './program-code.ts';
import { TASK_NORMAL } from './programs.ts';
import { recordTask } from './record.ts';
import { requeueTaskRt } from './rt.ts';
import { ENDLESS, startSegment } from './segment.ts';
import { Class, State } from './tables.ts';
import { setAffinity, setGroup, setNice, setPolicy } from './task-changes.ts';
import { tryToWakeUp } from './wakeup.ts';

/** Parts of an instruction. `COMPUTE` becomes `COMPUTED` when its work is done. */
const Phase = { START: 0, COMPUTE: 1, COMPUTED: 2, ASLEEP: 3 } as const;

/** So many steps at one instant are a program that never uses time. */
const MAX_STEPS_AT_ONCE = 4_000_000;

/** Runs the current task's program until the CPU has something else to attend to (true), or it computes (false). */
export function runProgram(k: Kernel, cpu: number, task: number): boolean {
  const { todo } = k.loop;
  do {
    if (!step(k, cpu, task)) return false;
  } while (todo[cpu] === 0);
  return true;
}

/** One step of the current task. False if it computes now and the CPU has nothing else to do. */
function step(k: Kernel, cpu: number, task: number): boolean {
  const { programs: p } = k;
  if (k.now !== k.stepInstant) {
    k.stepInstant = k.now;
    k.stepsAtInstant = 0;
  } else if (++k.stepsAtInstant > MAX_STEPS_AT_ONCE) {
    p.endlessLoop(k, task);
  }
  const s = p.state;
  const pc = s.pc[task]!;
  const at = pc * ARGS;
  const { args } = p.code;
  const phase = s.phase[task]!;
  switch (p.code.op[pc]) {
    case Op.run:
      if (phase === Phase.START) return beginWork(k, task, p.draw(task, args[at]!));
      return phase === Phase.COMPUTE ? compute(k, cpu, task) : next(k, task);

    case Op.send:
      if (phase === Phase.START) return beginWork(k, task, p.draw(task, args[at + 3]!));
      if (phase === Phase.COMPUTE) return compute(k, cpu, task);
      return phase === Phase.COMPUTED ? send(k, cpu, task, at) : next(k, task);

    case Op.receive:
      if (phase === Phase.START) return receive(k, cpu, task, at);
      if (phase === Phase.ASLEEP) return beginWork(k, task, p.draw(task, args[at + 3]!));
      return phase === Phase.COMPUTE ? compute(k, cpu, task) : next(k, task);

    case Op.hog:
      s.wallClock[task] = 0;
      startSegment(k, cpu, ENDLESS, k.loop.speed[cpu]!);
      return false;

    case Op.runtime:
      if (phase === Phase.START) {
        s.work[task] = k.now + args[at]!;
        s.wallClock[task] = 1;
        s.phase[task] = Phase.COMPUTE;
        return true;
      }
      if (phase === Phase.COMPUTE && s.work[task]! > k.now) {
        startSegment(k, cpu, s.work[task]! - k.now, 1024);
        return false;
      }
      return next(k, task);

    case Op.sleep: {
      if (phase !== Phase.START) return next(k, task);
      const ns = p.draw(task, args[at]!);
      if (ns <= 0) return next(k, task);
      return sleepUntil(k, cpu, task, k.now + ns, args[at + 1] !== 0 ? State.UNINTERRUPTIBLE : State.INTERRUPTIBLE);
    }

    case Op.sleepUntil: {
      if (phase !== Phase.START) return next(k, task);
      const jitterUs = Math.floor(args[at + 2]! / 1000);
      const jitter = jitterUs > 0 ? p.random.below(task, jitterUs + 1) * 1000 : 0;
      const time = p.epoch + args[at]! + args[at + 1]! * s.index[task]! + jitter;
      return time > k.now ? sleepUntil(k, cpu, task, time, State.INTERRUPTIBLE) : next(k, task);
    }

    case Op.period: {
      if (phase !== Phase.START) return next(k, task);
      const ns = args[at]!;
      const begin = s.begin[task]!;
      const periods = Math.max(s.periods[task]! + 1, Math.ceil((k.now - begin) / ns));
      s.periods[task] = periods;
      const time = begin + periods * ns;
      return time > k.now ? sleepUntil(k, cpu, task, time, State.INTERRUPTIBLE) : next(k, task);
    }

    case Op.timer:
      return phase === Phase.START ? timer(k, cpu, task, at) : next(k, task);

    case Op.begin:
      s.begin[task] = k.now;
      s.periods[task] = 0;
      return next(k, task);

    case Op.epoch:
      p.epoch = k.now + args[at]!;
      return next(k, task);

    case Op.wake:
      k.charge(cpu, k.costs.syscallNs);
      release(k, p.ref(task, at, p.workload.semaphores), args[at + 3]!, args[at + 4] !== 0);
      return next(k, task);

    case Op.wait:
    case Op.spinWait: {
      if (phase !== Phase.START) return phase === Phase.COMPUTE ? compute(k, cpu, task) : next(k, task);
      const semaphore = p.ref(task, at, p.workload.semaphores);
      if (p.sync.semaphoreTokens[semaphore]! > 0) {
        p.sync.semaphoreTokens[semaphore]! -= 1;
        return next(k, task);
      }
      if (p.code.op[pc] === Op.wait) return waitIn(k, cpu, task, p.sync.semaphoreWaiters, semaphore);
      p.sync.semaphoreSpinners.add(semaphore, task);
      return beginWork(k, task, ENDLESS);
    }

    case Op.lock: {
      if (phase !== Phase.START) return next(k, task);
      const mutex = p.ref(task, at, p.workload.mutexes);
      if (p.sync.mutexOwner[mutex]! >= 0) return waitIn(k, cpu, task, p.sync.mutexWaiters, mutex);
      p.sync.mutexOwner[mutex] = task;
      return next(k, task);
    }

    case Op.unlock:
      unlock(k, p.ref(task, at, p.workload.mutexes));
      return next(k, task);

    case Op.condWait: {
      if (phase !== Phase.START) return next(k, task);
      const mutex = p.ref(task, at + 3, p.workload.mutexes);
      s.mutex[task] = mutex;
      unlock(k, mutex);
      return waitIn(k, cpu, task, p.sync.conditionWaiters, p.ref(task, at, p.workload.conditions));
    }

    case Op.signal:
      signal(k, p.ref(task, at, p.workload.conditions));
      return next(k, task);

    case Op.broadcast: {
      const condition = p.ref(task, at, p.workload.conditions);
      while (!p.sync.conditionWaiters.isEmpty(condition)) signal(k, condition);
      return next(k, task);
    }

    case Op.barrier:
      if (phase === Phase.START) return barrier(k, cpu, task, at);
      return phase === Phase.COMPUTE ? compute(k, cpu, task) : next(k, task);

    case Op.suspend:
      if (phase !== Phase.START) return next(k, task);
      return waitIn(k, cpu, task, p.sync.suspended, p.ref(task, at, p.workload.suspensions));

    case Op.resume: {
      const suspension = p.ref(task, at, p.workload.suspensions);
      k.charge(cpu, k.costs.syscallNs);
      while (!p.sync.suspended.isEmpty(suspension)) wake(k, p.sync.suspended.take(suspension), 0);
      return next(k, task);
    }

    case Op.fork:
      if (phase === Phase.START) {
        s.work[task] = args[at + 1]!;
        s.phase[task] = Phase.COMPUTE;
      }
      if (s.work[task]! <= 0) return next(k, task);
      s.work[task]! -= 1;
      k.charge(cpu, k.costs.forkNs);
      doFork(k, task, args[at]!);
      return true;

    case Op.waitChildren:
      if (phase !== Phase.START || s.children[task] === 0) return next(k, task);
      s.waitsForChildren[task] = 1;
      return block(k, cpu, task, State.INTERRUPTIBLE);

    case Op.exec:
      if (phase === Phase.START) {
        s.phase[task] = Phase.COMPUTED;
        schedExec(k, cpu, task);
        return true;
      }
      if (k.tracing) recordTask(k, Ev.SCHED_PROCESS_EXEC, cpu, task);
      if (args[at]! >= 0) rename(k, cpu, task, p.code.strings[args[at]!]!);
      return next(k, task);

    case Op.rename:
      rename(k, cpu, task, p.code.strings[args[at]!]!);
      return next(k, task);

    case Op.setAffinity:
      next(k, task);
      forTasks(k, task, args[at]!, (target) => setAffinity(k, target, args[at + 1]!));
      return true;

    case Op.setNice:
      next(k, task);
      forTasks(k, task, args[at]!, (target) => setNice(k, target, args[at + 1]!));
      return true;

    case Op.setPolicy:
      setPolicy(k, task, args[at]!, args[at + 1]!);
      return next(k, task);

    case Op.setGroup:
      setGroup(k, task, args[at]!);
      return next(k, task);

    case Op.yield:
      k.counters.yld[cpu]! += 1;
      if (k.task.schedClass[task] === Class.FAIR) yieldTaskFair(k, cpu, task);
      else requeueTaskRt(k, cpu, task, false);
      k.setNeedResched(cpu);
      return next(k, task);

    case Op.loop: {
      const depth = s.loopDepth[task]!++;
      s.loopStart[task * MAX_LOOP_DEPTH + depth] = pc + 1;
      s.loopLeft[task * MAX_LOOP_DEPTH + depth] = args[at]!;
      return next(k, task);
    }

    case Op.end: {
      const top = task * MAX_LOOP_DEPTH + s.loopDepth[task]! - 1;
      if (s.loopLeft[top] === 0 || --s.loopLeft[top]! > 0) {
        s.pc[task] = s.loopStart[top]!;
        return true;
      }
      s.loopDepth[task]! -= 1;
      return next(k, task);
    }

    case Op.mark:
      if (k.recorder.on[Ev.PRINT]) {
        if (k.tracing) recordTask(k, Ev.PRINT, cpu, task, k.recorder.string(p.code.strings[args[at]!]!));
      }
      return next(k, task);

    case Op.unitBegin:
      s.unitBegin[task] = k.now;
      return next(k, task);

    case Op.unitDone: {
      const latency = args[at + 1] !== 0 ? k.now - s.unitBegin[task]! : -1;
      p.unitsDone[s.kind[task]!]! += args[at]!;
      if (k.tracing) recordTask(k, Ev.WORK, cpu, task, args[at]!, latency);
      return next(k, task);
    }

    case Op.stop:
      p.stopped = true;
      return block(k, cpu, task, State.INTERRUPTIBLE);

    default:
      doExit(k, cpu, task);
      return true;
  }
}

/** On to the next instruction. */
function next(k: Kernel, task: number): true {
  const s = k.programs.state;
  s.pc[task]! += 1;
  s.phase[task] = Phase.START;
  return true;
}

function beginWork(k: Kernel, task: number, work: number): true {
  const s = k.programs.state;
  s.work[task] = work;
  s.wallClock[task] = 0;
  s.phase[task] = work > 0 ? Phase.COMPUTE : Phase.COMPUTED;
  return true;
}

function compute(k: Kernel, cpu: number, task: number): false {
  startSegment(k, cpu, k.programs.state.work[task]!, k.loop.speed[cpu]!);
  return false;
}

/** The task sleeps; the CPU will schedule before it does anything else for it. */
function block(k: Kernel, cpu: number, task: number, state: number): true {
  k.programs.state.phase[task] = Phase.ASLEEP;
  k.task.state[task] = state;
  k.setNeedResched(cpu);
  k.charge(cpu, k.costs.syscallNs);
  return true;
}

function sleepUntil(k: Kernel, cpu: number, task: number, time: number, state: number): true {
  k.programs.armTimer(k, cpu, task, time);
  return block(k, cpu, task, state);
}

function waitIn(
  k: Kernel,
  cpu: number,
  task: number,
  queues: { add(queue: number, task: number): void },
  i: number,
): true {
  queues.add(i, task);
  return block(k, cpu, task, State.INTERRUPTIBLE);
}

function wake(k: Kernel, task: number, flags: number): void {
  tryToWakeUp(k, task, TASK_NORMAL, flags);
}

/** Puts tokens into a semaphore; each goes to whoever waits longest, sleepers before spinners. */
function release(k: Kernel, semaphore: number, count: number, sync: boolean): void {
  const { sync: o } = k.programs;
  for (let i = 0; i < count; i++) {
    const sleeper = o.semaphoreWaiters.take(semaphore);
    if (sleeper >= 0) {
      wake(k, sleeper, sync ? Wake.SYNC : 0);
      continue;
    }
    const spinner = o.semaphoreSpinners.take(semaphore);
    if (spinner >= 0) stopSpinning(k, spinner);
    else o.semaphoreTokens[semaphore]! += 1;
  }
}

/** What a spinning task waits for has come; if it is running it notices at once. */
function stopSpinning(k: Kernel, task: number): void {
  const cpu = k.task.cpu[task]!;
  if (k.rq.curr[cpu] === task && k.loop.segmentActive[cpu] !== 0) {
    k.loop.segmentWork[cpu] = 0;
    k.queue.schedule(k.slotRun + cpu, k.now);
  } else {
    k.programs.state.work[task] = 0;
    k.programs.state.phase[task] = Phase.COMPUTED;
  }
}

function send(k: Kernel, cpu: number, task: number, at: number): true {
  const { programs: p } = k;
  const channel = p.ref(task, at, p.workload.channels);
  const o = p.sync;
  const reader = o.channelReaders.take(channel);
  if (reader >= 0) {
    wake(k, reader, o.channelSync[channel] !== 0 ? Wake.SYNC : 0);
    return next(k, task);
  }
  if (o.channelMessages[channel]! >= o.channelCapacity[channel]!)
    return waitIn(k, cpu, task, o.channelWriters, channel);
  o.channelMessages[channel]! += 1;
  return next(k, task);
}

function receive(k: Kernel, cpu: number, task: number, at: number): true {
  const { programs: p } = k;
  const channel = p.ref(task, at, p.workload.channels);
  const o = p.sync;
  if (o.channelMessages[channel] === 0) return waitIn(k, cpu, task, o.channelReaders, channel);
  const writer = o.channelWriters.take(channel);
  // A writer that waited puts its message into the place that has just become free.
  if (writer >= 0) wake(k, writer, o.channelSync[channel] !== 0 ? Wake.SYNC : 0);
  else o.channelMessages[channel]! -= 1;
  return beginWork(k, task, p.draw(task, p.code.args[at + 3]!));
}

/** The mutex goes to whoever has waited longest. */
function unlock(k: Kernel, mutex: number): void {
  const { sync: o } = k.programs;
  const waiter = o.mutexWaiters.take(mutex);
  o.mutexOwner[mutex] = waiter;
  if (waiter >= 0) wake(k, waiter, 0);
}

/** One waiter of the condition goes on, as soon as it has its mutex again. */
function signal(k: Kernel, condition: number): void {
  const { sync: o, state } = k.programs;
  const waiter = o.conditionWaiters.take(condition);
  if (waiter < 0) return;
  const mutex = state.mutex[waiter]!;
  if (o.mutexOwner[mutex]! >= 0) {
    o.mutexWaiters.add(mutex, waiter);
    return;
  }
  o.mutexOwner[mutex] = waiter;
  wake(k, waiter, 0);
}

function barrier(k: Kernel, cpu: number, task: number, at: number): true {
  const { programs: p } = k;
  const b = p.ref(task, at, p.workload.barriers);
  const o = p.sync;
  if (o.barrierArrived[b]! + 1 < o.barrierParties[b]!) {
    o.barrierArrived[b]! += 1;
    if (p.code.args[at + 3] === 0) return waitIn(k, cpu, task, o.barrierWaiters, b);
    o.barrierSpinners.add(b, task);
    return beginWork(k, task, ENDLESS);
  }
  o.barrierArrived[b] = 0;
  while (!o.barrierWaiters.isEmpty(b)) wake(k, o.barrierWaiters.take(b), 0);
  while (!o.barrierSpinners.isEmpty(b)) stopSpinning(k, o.barrierSpinners.take(b));
  return next(k, task);
}

/** rt-app's timer. @spec 25 §11.6 */
function timer(k: Kernel, cpu: number, task: number, at: number): true {
  const { programs: p } = k;
  const { args } = p.code;
  const { timerReference } = p.sync;
  const t = p.ref(task, at, p.workload.timers);
  const reference = (timerReference[t]! < 0 ? p.state.begin[task]! : timerReference[t]!) + args[at + 3]!;
  timerReference[t] = reference;
  if (reference > k.now) return sleepUntil(k, cpu, task, reference, State.INTERRUPTIBLE);
  if (args[at + 4] === 0) timerReference[t] = k.now;
  return next(k, task);
}

function rename(k: Kernel, cpu: number, task: number, pattern: string): void {
  if (k.recorder.on[Ev.RENAME] === 0) return;
  const comm = pattern.replace('%d', `${k.programs.state.index[task]}`).slice(0, 15);
  if (k.tracing) recordTask(k, Ev.RENAME, cpu, task, k.recorder.string(comm));
}

/** The task itself, or every living task of a kind. */
function forTasks(k: Kernel, self: number, kind: number, visit: (task: number) => void): void {
  if (kind < 0) {
    visit(self);
    return;
  }
  const s = k.programs.state;
  for (let task = 2 * k.nrCpus; task < k.nrTasks; task++) {
    if (s.kind[task] === kind && k.task.alive[task] !== 0) visit(task);
  }
}
