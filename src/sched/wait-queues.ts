/** Queues of sleeping tasks, first come first served: one for each semaphore, mutex, channel end and so on. */

export class WaitQueues {
  #head: Int32Array;
  #tail: Int32Array;
  /** Next waiting task, by task; a task waits in one queue at most. */
  #next: Int32Array;

  constructor(nrQueues: number, taskCapacity: number) {
    this.#head = new Int32Array(nrQueues).fill(-1);
    this.#tail = new Int32Array(nrQueues).fill(-1);
    this.#next = new Int32Array(taskCapacity).fill(-1);
  }

  growTasks(capacity: number): void {
    const next = new Int32Array(capacity).fill(-1);
    next.set(this.#next);
    this.#next = next;
  }

  /** Makes room for queues below `nrQueues`. */
  growQueues(nrQueues: number): void {
    if (nrQueues <= this.#head.length) return;
    const capacity = Math.max(nrQueues, this.#head.length * 2);
    const head = new Int32Array(capacity).fill(-1);
    head.set(this.#head);
    this.#head = head;
    const tail = new Int32Array(capacity).fill(-1);
    tail.set(this.#tail);
    this.#tail = tail;
  }

  add(queue: number, task: number): void {
    const last = this.#tail[queue]!;
    this.#next[task] = -1;
    if (last < 0) this.#head[queue] = task;
    else this.#next[last] = task;
    this.#tail[queue] = task;
  }

  /** Takes the task that has waited longest; -1 if nobody waits. */
  take(queue: number): number {
    const task = this.#head[queue]!;
    if (task < 0) return -1;
    const next = this.#next[task]!;
    this.#head[queue] = next;
    if (next < 0) this.#tail[queue] = -1;
    this.#next[task] = -1;
    return task;
  }

  isEmpty(queue: number): boolean {
    return this.#head[queue]! < 0;
  }
}
