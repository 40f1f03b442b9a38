/**
 * What tasks of a workload share: semaphores, channels, mutexes, conditions, barriers, names to suspend on, and timers'
 * reference points. Who waits is kept first come, first served, and what is released is handed to whoever waited longest.
 */
import type { Workload } from '../workload/program.ts';
import { WaitQueues } from './wait-queues.ts';

export class SyncObjects {
  readonly semaphoreTokens: Float64Array;
  readonly semaphoreWaiters: WaitQueues;
  /** Tasks that burn CPU time until the semaphore has a token. */
  readonly semaphoreSpinners: WaitQueues;
  readonly channelMessages: Float64Array;
  readonly channelCapacity: Float64Array;
  readonly channelSync: Uint8Array;
  readonly channelReaders: WaitQueues;
  readonly channelWriters: WaitQueues;
  readonly mutexOwner: Int32Array;
  readonly mutexWaiters: WaitQueues;
  readonly conditionWaiters: WaitQueues;
  readonly barrierParties: Int32Array;
  readonly barrierArrived: Int32Array;
  readonly barrierWaiters: WaitQueues;
  readonly barrierSpinners: WaitQueues;
  readonly suspended: WaitQueues;
  /** Next grid point of each timer; -1 before its first use. */
  timerReference: Float64Array;

  constructor(w: Workload, taskCapacity: number) {
    const queues = (n: number) => new WaitQueues(n, taskCapacity);
    this.semaphoreTokens = Float64Array.from(w.semaphores, (s) => s.initial);
    this.semaphoreWaiters = queues(w.semaphores.length);
    this.semaphoreSpinners = queues(w.semaphores.length);
    this.channelMessages = new Float64Array(w.channels.length);
    this.channelCapacity = Float64Array.from(w.channels, (c) => c.capacity);
    this.channelSync = Uint8Array.from(w.channels, (c) => (c.sync ? 1 : 0));
    this.channelReaders = queues(w.channels.length);
    this.channelWriters = queues(w.channels.length);
    this.mutexOwner = new Int32Array(w.mutexes.length).fill(-1);
    this.mutexWaiters = queues(w.mutexes.length);
    this.conditionWaiters = queues(w.conditions.length);
    this.barrierParties = Int32Array.from(w.barriers, (b) => b.parties);
    this.barrierArrived = new Int32Array(w.barriers.length);
    this.barrierWaiters = queues(w.barriers.length);
    this.barrierSpinners = queues(w.barriers.length);
    this.suspended = queues(w.suspensions.length);
    this.timerReference = new Float64Array(w.timers.length).fill(-1);
  }

  growTasks(capacity: number): void {
    for (const q of [
      this.semaphoreWaiters,
      this.semaphoreSpinners,
      this.channelReaders,
      this.channelWriters,
      this.mutexWaiters,
      this.conditionWaiters,
      this.barrierWaiters,
      this.barrierSpinners,
      this.suspended,
    ]) {
      q.growTasks(capacity);
    }
  }
}
