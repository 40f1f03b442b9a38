/**
 * Queues of sleeping tasks, first come first served: one for each semaphore, mutex, end of a channel and so on. A task waits
 * in one queue at most, so that all queues share one column of links.
 */
import { waitNext } from "./progress.js";
export class WaitQueues {
    #head;
    #tail;
    constructor(nrQueues) {
        this.#head = new Int32Array(nrQueues).fill(-1);
        this.#tail = new Int32Array(nrQueues).fill(-1);
    }
    add(queue, task) {
        const last = this.#tail[queue];
        waitNext[task] = -1;
        if (last < 0)
            this.#head[queue] = task;
        else
            waitNext[last] = task;
        this.#tail[queue] = task;
    }
    /** Puts the task before all others. */
    addFirst(queue, task) {
        const first = this.#head[queue];
        waitNext[task] = first;
        if (first < 0)
            this.#tail[queue] = task;
        this.#head[queue] = task;
    }
    /** Takes the first task; -1 if nobody waits. */
    take(queue) {
        const task = this.#head[queue];
        if (task < 0)
            return -1;
        const next = waitNext[task];
        this.#head[queue] = next;
        if (next < 0)
            this.#tail[queue] = -1;
        return task;
    }
    isEmpty(queue) {
        return this.#head[queue] < 0;
    }
}
