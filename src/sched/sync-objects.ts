/**
 * What tasks of a workload share: semaphores, channels, mutexes, spinlocks of CPUs, conditions, barriers, names to suspend
 * on, and the reference points of timers. What is released is handed to whoever has waited longest.
 */
import type { Workload } from '../workload/program.ts';
import { WaitQueues } from './wait-queues.ts';

export class SyncObjects {
  readonly semaphoreTokens: Float64Array;
  readonly semaphoreNewestFirst: Uint8Array;
  readonly semaphoreWaiters: WaitQueues;
  /** Tasks that burn CPU time until the semaphore has a token. */
  readonly semaphoreSpinners: WaitQueues;
  readonly channelMessages: Float64Array;
  readonly channelCapacity: Float64Array;
  readonly channelSync: Uint8Array;
  /** Messages that make room together, and how many of them have been taken; -1, or at what all senders are woken. */
  readonly channelPage: Float64Array;
  readonly channelTaken: Float64Array;
  readonly channelWakeAllAt: Float64Array;
  readonly channelReaders: WaitQueues;
  readonly channelWriters: WaitQueues;
  readonly mutexOwner: Int32Array;
  readonly mutexWaiters: WaitQueues;
  readonly cpuLockOwner: Int32Array;
  readonly cpuLockSpinners: WaitQueues;
  readonly conditionWaiters: WaitQueues;
  readonly barrierParties: Int32Array;
  readonly barrierArrived: Int32Array;
  readonly barrierWaiters: WaitQueues;
  readonly barrierSpinners: WaitQueues;
  readonly suspended: WaitQueues;
  /** Next grid point of each timer; -1 before its first use. */
  readonly timerReference: Float64Array;

  constructor(w: Workload, nrCpus: number) {
    this.semaphoreTokens = Float64Array.from(w.semaphores, (s) => s.initial);
    this.semaphoreNewestFirst = Uint8Array.from(w.semaphores, (s) => (s.newestFirst === true ? 1 : 0));
    this.semaphoreWaiters = new WaitQueues(w.semaphores.length);
    this.semaphoreSpinners = new WaitQueues(w.semaphores.length);
    this.channelMessages = new Float64Array(w.channels.length);
    this.channelCapacity = Float64Array.from(w.channels, (c) => c.capacity);
    this.channelSync = Uint8Array.from(w.channels, (c) => (c.sync ? 1 : 0));
    this.channelPage = Float64Array.from(w.channels, (c) => c.page ?? 1);
    this.channelTaken = new Float64Array(w.channels.length);
    this.channelWakeAllAt = Float64Array.from(w.channels, (c) => c.wakeAllAt ?? -1);
    this.channelReaders = new WaitQueues(w.channels.length);
    this.channelWriters = new WaitQueues(w.channels.length);
    this.mutexOwner = new Int32Array(w.mutexes.length).fill(-1);
    this.mutexWaiters = new WaitQueues(w.mutexes.length);
    this.cpuLockOwner = new Int32Array(nrCpus).fill(-1);
    this.cpuLockSpinners = new WaitQueues(nrCpus);
    this.conditionWaiters = new WaitQueues(w.conditions.length);
    this.barrierParties = Int32Array.from(w.barriers, (b) => b.parties);
    this.barrierArrived = new Int32Array(w.barriers.length);
    this.barrierWaiters = new WaitQueues(w.barriers.length);
    this.barrierSpinners = new WaitQueues(w.barriers.length);
    this.suspended = new WaitQueues(w.suspensions.length);
    this.timerReference = new Float64Array(w.timers.length).fill(-1);
  }
}
