/** What each CPU is in the middle of; one row a CPU. @see cpu-loop.ts */
import { ColumnSet, MAX_CPUS } from './columns.ts';

/** Bits of `todo`: what a CPU has to attend to before it goes on computing or idling. Lower bits come first. */
export const Todo = {
  /** Kernel work done has yet to be paid for in time. */
  PAY: 1,
  /** In the middle of schedule(), with interrupts off. */
  SCHEDULE: 2,
  /** In the middle of the policy's balance callback, with interrupts off. @spec 21 §2 */
  CALLBACK: 4,
  /** Interrupts. TIMER: task timers are due. */
  TIMER: 8,
  TICK: 16,
  RESCHEDULE_IPI: 32,
  /** Function calls (nohz kick) and then queued wakeups. @spec 01 §4 */
  CALL: 64,
  /** A polled need_resched was noticed by an idle CPU. */
  POLL: 128,
  /** The SCHED softirq is raised or running. */
  SOFTIRQ: 256,
  /** need_resched. */
  RESCHED: 512,
} as const;

/** The interrupts among them. */
export const TODO_IRQS = Todo.TIMER | Todo.TICK | Todo.RESCHEDULE_IPI | Todo.CALL | Todo.POLL;

const columns = new ColumnSet(MAX_CPUS);

/** For the next simulation. */
export function reset(rows: number): void {
  columns.reset(rows);
  tickOn.fill(0);
}

/** In a stretch of kernel code that ends with the CPU's run event. */
export const busy = columns.u8();
/** What is to be attended to: bits of `Todo`. */
export const todo = columns.i32();
/** ns of kernel work done but not yet paid for. */
export const debt = columns.f64();
/** Interrupts whose entry has been paid for, though they are still to be handled. @see emulator.ts */
export const entered = columns.i32();
/** The softirq has begun; where schedule() is. */
export const inSoftirq = columns.u8();
/** Its entry is being paid for. @see emulator.ts */
export const softirqBegins = columns.u8();
/** The softirq was raised again since; it is left to the CPU's ksoftirqd. */
export const softirqAgain = columns.u8();
export const softirqLeft = columns.u8();
export const scheduleStage = columns.u8();
/** The user segment of the current task: whether its end is scheduled, and from when how much work is left. */
export const segmentActive = columns.u8();
export const segmentStart = columns.f64();
export const segmentWork = columns.f64();
/** Work done per 1024 ns: of the segment, and of the CPU for its next. */
/** It only waits for the clock, where CPUs take turns: it gives its turns away. @see emulator.ts */
export const segmentSpins = columns.u8();
export const segmentSpeed = columns.f64();
export const speed = columns.f64();
/** Part of its core that a thread gets now, 1024ths. */
export const coreShare = columns.f64(1024);
/** When the CPU switched last; and the bytes that tasks have touched on a core, in the row of its lowest CPU. */
export const switchedAt = columns.f64();
export const touched = columns.f64();
/** schedule(): the task that was current, and whether it left by itself. */
export const previous = columns.i32();
export const voluntary = columns.u8();
/**
 * 1: the policy's `balanceCallback` is due at the end of the switch the CPU is in, or of its next. @spec 21 §2
 * Who wants it at once, as soon as the CPU has paid for what it did, sets `Todo.CALLBACK`.
 */
export const callback = columns.u8();
/** Idle loop: 0 not idle, 1 at the top of an iteration, 2 waiting. */
export const idlePhase = columns.u8(1);
/** An idle tick came since the CPU went idle. @spec 01 §3 */
export const gotIdleTick = columns.u8();
/** CPUs whose tick runs, a bit each. */
export const tickOn = new Int32Array(MAX_CPUS >>> 5);
export const tickOnSince = columns.f64(-1);
export const idleSince = columns.f64();
