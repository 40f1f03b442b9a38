/**
 * Carries out the programs of tasks: one instruction, or one part of an instruction, at a time, on the CPU where the task
 * is current. The dispatch is one long switch because a jump on a small integer is what makes it fast; each case is a few
 * lines, what takes more is in `program-sync.ts`. @spec 25 §11.6
 */
import { Ev } from '../trace/events.ts';
import { MAX_LOOP_DEPTH } from '../workload/build.ts';
import * as counters from './counters.ts';
import { chargeRunning, yieldTaskFair } from './fair.ts';
import { doExit, doFork, schedExec } from './fork.ts';
import { k } from './kernel.ts';
import * as loop from './loop.ts';
import { ARGS, Op } from './program-code.ts';
import {
  barrier,
  block,
  lockCpu,
  messageWork,
  receive,
  releaseTokens,
  resume,
  send,
  sendAgain,
  signal,
  unlock,
  unlockCpu,
  waitIn,
} from './program-sync.ts';
import * as progress from './progress.ts';
import { beginCall, beginWork, nextInstruction, Phase } from './progress-steps.ts';
import { recordTask } from './record.ts';
import { memorySpeed } from './refill.ts';
import { requeueTaskRt } from './rt.ts';
import { ENDLESS, startCode, startSegment } from './segment.ts';
import { charge, setNeedResched } from './signals.ts';
import { takeSoftirqs } from './softirq.ts';
import { setAffinity, setGroup, setNice, setPolicy } from './task-changes.ts';
import { armTimer } from './task-timers.ts';
import * as tasks from './tasks.ts';
import { Class, State } from './tasks.ts';
import { setClamps } from './uclamp.ts';

/** So many steps at one instant are a program that never uses time. */
const MAX_STEPS_AT_ONCE = 4_000_000;

/** Runs the current task's program until the CPU has something else to attend to (true), or it computes (false). */
export function runProgram(cpu: number, task: number): boolean {
  if (k.refills && progress.refillNs[task]! > 0) {
    startSegment(cpu, progress.refillNs[task]!, 1024);
    return false;
  }
  do {
    if (!step(cpu, task)) return false;
  } while (loop.todo[cpu] === 0);
  return true;
}

/** One step of the current task. False if it computes now and the CPU has nothing else to do. */
function step(cpu: number, task: number): boolean {
  const p = k.programs;
  countStep(task);
  if (k.now >= p.endTime && progress.named[task] !== 0) return leave(cpu, task);
  const pc = progress.pc[task]!;
  const at = pc * ARGS;
  const { args } = p.code;
  const phase = progress.phase[task]!;
  switch (p.code.op[pc]) {
    case Op.run:
      if (phase === Phase.START) return beginWork(task, p.draw(task, args[at]!));
      return phase === Phase.COMPUTE ? compute(cpu, task) : nextInstruction(task);

    case Op.system:
      if (phase === Phase.START) return beginCall(task, p.draw(task, args[at]!));
      return phase === Phase.COMPUTE ? compute(cpu, task) : nextInstruction(task);

    case Op.send:
      if (phase === Phase.START) return beginCall(task, messageWork(p.draw(task, args[at + 3]!)));
      if (phase === Phase.COMPUTE) return compute(cpu, task);
      return phase === Phase.COMPUTED ? send(cpu, task, at) : sendAgain(cpu, task, at);

    case Op.receive:
      if (phase === Phase.START) return receive(cpu, task, at);
      if (phase === Phase.ASLEEP) return beginCall(task, messageWork(p.draw(task, args[at + 3]!)));
      return phase === Phase.COMPUTE ? compute(cpu, task) : nextInstruction(task);

    case Op.hog:
      if (phase === Phase.START) return beginWork(task, ENDLESS);
      return phase === Phase.COMPUTE ? compute(cpu, task) : nextInstruction(task);

    case Op.runtime:
      if (phase === Phase.START) {
        progress.work[task] = k.now + args[at]!;
        progress.wallClock[task] = 1;
        progress.phase[task] = Phase.COMPUTE;
        return true;
      }
      if (phase === Phase.COMPUTE && progress.work[task]! > k.now) {
        startSegment(cpu, progress.work[task]! - k.now, 1024);
        return false;
      }
      return nextInstruction(task);

    case Op.sleep: {
      if (phase !== Phase.START) return nextInstruction(task);
      const ns = p.draw(task, args[at]!);
      return sleepUntil(cpu, task, k.now + ns, args[at + 1]!);
    }

    case Op.sleepUntil: {
      if (phase !== Phase.START) return nextInstruction(task);
      const jitterUs = Math.floor(args[at + 2]! / 1000);
      const jitter = jitterUs > 0 ? p.random.below(task, jitterUs + 1) * 1000 : 0;
      const time = p.epoch + args[at]! + args[at + 1]! * progress.index[task]! + jitter;
      return sleepUntil(cpu, task, time, State.INTERRUPTIBLE);
    }

    case Op.period: {
      if (phase !== Phase.START) return nextInstruction(task);
      const ns = args[at]!;
      const begin = progress.begin[task]!;
      const periods = Math.max(progress.periods[task]! + 1, Math.ceil((k.now - begin) / ns));
      progress.periods[task] = periods;
      return sleepUntil(cpu, task, begin + periods * ns, State.INTERRUPTIBLE);
    }

    case Op.timer:
      return phase === Phase.START ? timer(cpu, task, at) : nextInstruction(task);

    case Op.cpuClock:
      // Before EEVDF nothing is decided when a task is charged.
      if (k.eevdf && tasks.schedClass[task] === Class.FAIR) chargeRunning(cpu, task);
      return nextInstruction(task);

    case Op.begin:
      progress.begin[task] = k.now;
      progress.periods[task] = 0;
      return nextInstruction(task);

    case Op.epoch:
      p.setEpoch(k.now + args[at]!);
      return nextInstruction(task);

    case Op.wake:
      // The call takes its time before it wakes anybody.
      if (phase === Phase.START && k.costs.wakeCallNs > 0) return beginCall(task, k.costs.wakeCallNs);
      if (phase === Phase.COMPUTE) return compute(cpu, task);
      releaseTokens(p.ref(task, at, p.workload.semaphores), args[at + 3]!, args[at + 4] !== 0);
      return nextInstruction(task);

    case Op.wait:
    case Op.spinWait: {
      if (phase !== Phase.START) return phase === Phase.COMPUTE ? compute(cpu, task) : nextInstruction(task);
      const semaphore = p.ref(task, at, p.workload.semaphores);
      const { sync } = p;
      if (sync.semaphoreTokens[semaphore]! > 0) {
        sync.semaphoreTokens[semaphore]! -= 1;
        return nextInstruction(task);
      }
      if (p.code.op[pc] === Op.wait) {
        if (sync.semaphoreNewestFirst[semaphore] === 0) return waitIn(cpu, task, sync.semaphoreWaiters, semaphore);
        sync.semaphoreWaiters.addFirst(semaphore, task);
        return block(cpu, task, State.INTERRUPTIBLE);
      }
      sync.semaphoreSpinners.add(semaphore, task);
      return beginWork(task, ENDLESS);
    }

    case Op.lock: {
      if (phase !== Phase.START) return nextInstruction(task);
      const mutex = p.ref(task, at, p.workload.mutexes);
      if (p.sync.mutexOwner[mutex]! >= 0) return waitIn(cpu, task, p.sync.mutexWaiters, mutex);
      p.sync.mutexOwner[mutex] = task;
      return nextInstruction(task);
    }

    case Op.unlock:
      unlock(p.ref(task, at, p.workload.mutexes));
      return nextInstruction(task);

    case Op.lockCpu:
      if (phase === Phase.START) return lockCpu(cpu, task);
      return phase === Phase.COMPUTE ? compute(cpu, task) : nextInstruction(task);

    case Op.unlockCpu:
      unlockCpu(task);
      return nextInstruction(task);

    case Op.condWait: {
      if (phase !== Phase.START) return nextInstruction(task);
      const mutex = p.ref(task, at + 3, p.workload.mutexes);
      progress.mutex[task] = mutex;
      unlock(mutex);
      return waitIn(cpu, task, p.sync.conditionWaiters, p.ref(task, at, p.workload.conditions));
    }

    case Op.signal:
      signal(p.ref(task, at, p.workload.conditions));
      return nextInstruction(task);

    case Op.broadcast: {
      const condition = p.ref(task, at, p.workload.conditions);
      while (!p.sync.conditionWaiters.isEmpty(condition)) signal(condition);
      return nextInstruction(task);
    }

    case Op.barrier:
      if (phase === Phase.START) return barrier(cpu, task, at);
      return phase === Phase.COMPUTE ? compute(cpu, task) : nextInstruction(task);

    case Op.suspend:
      if (phase !== Phase.START) return nextInstruction(task);
      return waitIn(cpu, task, p.sync.suspended, p.ref(task, at, p.workload.suspensions), args[at + 3]!);

    case Op.resume: {
      const suspension = p.ref(task, at, p.workload.suspensions);
      // What is work for RCU is no call that wakes.
      if (p.workload.suspensions[suspension]!.keepsTicks !== true) charge(cpu, k.costs.wakeCallNs);
      resume(suspension);
      return nextInstruction(task);
    }

    case Op.softirq:
      return takeSoftirqs(cpu) ? true : nextInstruction(task);

    case Op.fork: {
      if (phase === Phase.START) progress.forked[task] = 0;
      const done = progress.forked[task]!;
      if (done >= args[at + 1]!) return nextInstruction(task);
      // Where instructions are counted, a child is not seen to wait for what came before it.
      if (k.emulator === null) charge(cpu, k.costs.forkNs);
      else if (phase === Phase.START) return beginCall(task, k.costs.forkNs);
      else if (phase === Phase.COMPUTE) return compute(cpu, task);
      progress.phase[task] = Phase.COMPUTED;
      progress.forked[task] = done + 1;
      const first = args[at + 2]!;
      doFork(task, args[at]!, first < 0 ? -1 : first + done);
      if (k.emulator !== null && done + 1 < args[at + 1]!) beginCall(task, k.costs.forkNs);
      return true;
    }

    case Op.waitChildren:
      if (phase !== Phase.START || progress.children[task] === 0) return nextInstruction(task);
      progress.waitsForChildren[task] = 1;
      return block(cpu, task, State.INTERRUPTIBLE);

    case Op.exec:
      if (phase === Phase.START) {
        progress.phase[task] = Phase.COMPUTED;
        schedExec(cpu, task);
        return true;
      }
      if (k.tracing) recordTask(Ev.SCHED_PROCESS_EXEC, cpu, task);
      if (args[at]! >= 0) rename(cpu, task, p.code.strings[args[at]!]!);
      return nextInstruction(task);

    case Op.rename:
      rename(cpu, task, p.code.strings[args[at]!]!);
      return nextInstruction(task);

    case Op.setAffinity:
      nextInstruction(task);
      forTasks(task, args[at]!, (target) => setAffinity(target, args[at + 1]!));
      return true;

    case Op.setNice:
      nextInstruction(task);
      forTasks(task, args[at]!, (target) => setNice(target, args[at + 1]!));
      return true;

    case Op.setPolicy:
      setPolicy(task, args[at]!, args[at + 1]!);
      tasks.customSlice[task] = args[at + 2]!;
      return nextInstruction(task);

    case Op.setClamps:
      setClamps(task, args[at]!, args[at + 1]!);
      return nextInstruction(task);

    case Op.setGroup:
      setGroup(task, args[at]!);
      return nextInstruction(task);

    case Op.yield:
      counters.yld[cpu]! += 1;
      if (tasks.schedClass[task] === Class.FAIR) yieldTaskFair(cpu, task);
      else requeueTaskRt(cpu, task, false);
      setNeedResched(cpu);
      return nextInstruction(task);

    case Op.loop: {
      const top = task * MAX_LOOP_DEPTH + progress.loopDepth[task]!++;
      progress.loopStart[top] = pc + 1;
      progress.loopLeft[top] = args[at]!;
      return nextInstruction(task);
    }

    case Op.end: {
      const top = task * MAX_LOOP_DEPTH + progress.loopDepth[task]! - 1;
      if (progress.loopLeft[top] === 0 || --progress.loopLeft[top]! > 0) {
        progress.pc[task] = progress.loopStart[top]!;
        return true;
      }
      progress.loopDepth[task]! -= 1;
      return nextInstruction(task);
    }

    case Op.mark:
      if (k.recorder.on[Ev.PRINT]) recordTask(Ev.PRINT, cpu, task, k.recorder.string(p.code.strings[args[at]!]!));
      return nextInstruction(task);

    case Op.unitBegin: {
      const woken = progress.wokenAt[task]!;
      progress.unitBegin[task] = args[at] !== 0 && woken > progress.unitBegin[task]! ? woken : k.now;
      return nextInstruction(task);
    }

    case Op.unitDone: {
      const latency = args[at + 1] !== 0 ? k.now - progress.unitBegin[task]! : -1;
      p.unitsDone[progress.kind[task]!]! += args[at]!;
      if (k.tracing) recordTask(Ev.WORK, cpu, task, args[at]!, latency);
      return nextInstruction(task);
    }

    case Op.stop:
      p.stopped = true;
      return block(cpu, task, State.INTERRUPTIBLE);

    default:
      return leave(cpu, task);
  }
}

/** Steps without end at one instant mean that a program never uses time. */
function countStep(task: number): void {
  if (k.now !== k.stepInstant) {
    k.stepInstant = k.now;
    k.stepsAtInstant = 0;
  } else if (++k.stepsAtInstant > MAX_STEPS_AT_ONCE) {
    k.programs.endlessLoop(task);
  }
}

/** Computes what is left of the instruction, but not beyond the end of the workload. */
export function compute(cpu: number, task: number): false {
  let work = progress.work[task]!;
  const speed = k.remoteMemory ? memorySpeed(cpu, task, loop.speed[cpu]!) : loop.speed[cpu]!;
  const { endTime } = k.programs;
  if (endTime !== Number.POSITIVE_INFINITY && progress.named[task] !== 0 && progress.leaving[task] === 0) {
    work = Math.min(work, Math.floor(((endTime - k.now) * speed) / 1024) + 1);
  }
  // An emulated CPU does a call's instructions in its turns; other work is to wait for a clock.
  if (k.emulator !== null && progress.counted[task] !== 0) startCode(k.emulator, cpu, work);
  else startSegment(cpu, work, speed);
  return false;
}

/** The task's end. Where instructions are counted, most of the work comes before anybody is told. */
function leave(cpu: number, task: number): boolean {
  if (k.emulator === null) return exit(cpu, task);
  if (progress.leaving[task] === 0) {
    progress.leaving[task] = 1;
    return beginCall(task, k.costs.exitNs);
  }
  return progress.phase[task] === Phase.COMPUTE ? compute(cpu, task) : exit(cpu, task);
}

function exit(cpu: number, task: number): true {
  const { orphansResume } = k.programs.workload;
  const orphan = progress.parent[task]! < 0;
  doExit(cpu, task);
  if (orphan && orphansResume !== undefined) resume(orphansResume);
  return true;
}

/** Sleeps until `time`, or the end of the workload; not at all if that has passed. */
function sleepUntil(cpu: number, task: number, time: number, state: number): true {
  if (progress.named[task] !== 0 && time > k.programs.endTime) time = k.programs.endTime;
  if (time <= k.now) return nextInstruction(task);
  armTimer(cpu, task, time);
  return block(cpu, task, state);
}

/** rt-app's timer. @spec 25 §11.6 */
function timer(cpu: number, task: number, at: number): true {
  const p = k.programs;
  const { args } = p.code;
  const { timerReference } = p.sync;
  const t = p.ref(task, at, p.workload.timers);
  const reference = (timerReference[t]! < 0 ? progress.begin[task]! : timerReference[t]!) + args[at + 3]!;
  const late = reference <= k.now;
  timerReference[t] = late && args[at + 4] === 0 ? k.now : reference;
  return sleepUntil(cpu, task, reference, State.INTERRUPTIBLE);
}

function rename(cpu: number, task: number, pattern: string): void {
  if (k.recorder.on[Ev.RENAME] === 0) return;
  const comm = pattern.replace('%d', `${progress.index[task]}`).slice(0, 15);
  recordTask(Ev.RENAME, cpu, task, k.recorder.string(comm));
}

/** The task itself, or every living task of a kind. */
function forTasks(self: number, kind: number, visit: (task: number) => void): void {
  if (kind < 0) {
    visit(self);
    return;
  }
  for (let task = 2 * k.nrCpus; task < k.nrTasks; task++) {
    if (progress.kind[task] === kind && tasks.alive[task] !== 0) visit(task);
  }
}
