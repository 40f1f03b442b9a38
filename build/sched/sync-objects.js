import { WaitQueues } from "./wait-queues.js";
export class SyncObjects {
    semaphoreTokens;
    semaphoreNewestFirst;
    semaphoreWaiters;
    /** Tasks that burn CPU time until the semaphore has a token. */
    semaphoreSpinners;
    channelMessages;
    channelCapacity;
    channelSync;
    channelReaders;
    channelWriters;
    mutexOwner;
    mutexWaiters;
    cpuLockOwner;
    cpuLockSpinners;
    conditionWaiters;
    barrierParties;
    barrierArrived;
    barrierWaiters;
    barrierSpinners;
    suspended;
    /** Next grid point of each timer; -1 before its first use. */
    timerReference;
    constructor(w, nrCpus) {
        this.semaphoreTokens = Float64Array.from(w.semaphores, (s) => s.initial);
        this.semaphoreNewestFirst = Uint8Array.from(w.semaphores, (s) => (s.newestFirst === true ? 1 : 0));
        this.semaphoreWaiters = new WaitQueues(w.semaphores.length);
        this.semaphoreSpinners = new WaitQueues(w.semaphores.length);
        this.channelMessages = new Float64Array(w.channels.length);
        this.channelCapacity = Float64Array.from(w.channels, (c) => c.capacity);
        this.channelSync = Uint8Array.from(w.channels, (c) => (c.sync ? 1 : 0));
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
