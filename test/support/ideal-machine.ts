/**
 * A machine on which every task has a CPU of its own and nothing costs anything but what programs say: for tests of
 * workloads, whose protocols must work whatever a scheduler does. Random durations take their mean or median.
 */
import type { Duration, Instruction, Ref, Workload } from '../../src/workload/program.ts';

export interface IdealTask {
  readonly kind: number;
  readonly index: number;
  readonly parent: IdealTask | null;
  readonly bornNs: number;
  exitNs: number | undefined;
  cpuNs: number;
  /** What it stopped in, if it never exited. */
  stuckIn: string | undefined;
  units: number;
  /** [time, ns] of each timed unit. */
  readonly latencies: [number, number][];
  comm: string;
}

interface Running extends IdealTask {
  pc: number;
  loops: { pc: number; left: number }[];
  begin: number;
  periods: number;
  unitBegin: number;
  woken: number;
  slept: boolean;
  children: number;
}

export interface IdealRun {
  readonly tasks: readonly IdealTask[];
  readonly endNs: number;
  readonly marks: readonly { readonly ns: number; readonly text: string }[];
  readonly maxAlive: number;
  /** Every run and sleep: kind, index, begin and end. */
  readonly steps: readonly {
    readonly task: IdealTask;
    readonly op: string;
    readonly from: number;
    readonly to: number;
  }[];
}

const MAX_STEPS = 3_000_000;

export function runIdeally(w: Workload, untilNs = Number.POSITIVE_INFINITY, log = false): IdealRun {
  return new IdealMachine(w, Math.min(untilNs, w.durationNs ?? Number.POSITIVE_INFINITY), log).run();
}

export function meanNs(d: Duration): number {
  switch (d.kind) {
    case 'fixed':
      return d.ns;
    case 'uniform':
      return (d.minNs + d.maxNs) / 2;
    case 'exponential':
      return d.meanNs;
    case 'lognormal':
      return d.medianNs;
  }
}

class IdealMachine {
  readonly #w: Workload;
  readonly #until: number;
  readonly #log: boolean;
  #now = 0;
  #epoch = 0;
  #stopped = false;
  #alive = 0;
  #maxAlive = 0;
  readonly #events: { ns: number; order: number; act: () => void }[] = [];
  #order = 0;
  readonly #tasks: Running[] = [];
  readonly #started: number[];
  readonly #tokens: number[];
  readonly #messages: number[];
  readonly #arrived: number[];
  readonly #timers: number[];
  readonly #owners: (Running | undefined)[];
  readonly #queues = new Map<string, (() => void)[]>();
  readonly #marks: { ns: number; text: string }[] = [];
  readonly #steps: { task: IdealTask; op: string; from: number; to: number }[] = [];

  constructor(w: Workload, untilNs: number, log: boolean) {
    this.#w = w;
    this.#until = untilNs;
    this.#log = log;
    this.#started = w.kinds.map(() => 0);
    this.#tokens = w.semaphores.map((s) => s.initial);
    this.#messages = w.channels.map(() => 0);
    this.#arrived = w.barriers.map(() => 0);
    this.#timers = w.timers.map(() => -1);
    this.#owners = w.mutexes.map(() => undefined);
  }

  run(): IdealRun {
    this.#start(0, null);
    let steps = 0;
    while (this.#events.length > 0 && !this.#stopped) {
      const event = this.#pop();
      if (event.ns > this.#until) break;
      if (++steps > MAX_STEPS) throw new Error(`more than ${MAX_STEPS} steps by ${event.ns} ns`);
      this.#now = event.ns;
      event.act();
    }
    for (const t of this.#tasks) if (t.exitNs === undefined) t.stuckIn = this.#w.kinds[t.kind]!.program[t.pc]?.op;
    return { tasks: this.#tasks, endNs: this.#now, marks: this.#marks, maxAlive: this.#maxAlive, steps: this.#steps };
  }

  #start(kind: number, parent: Running | null, index = this.#started[kind]!++): void {
    const task: Running = {
      kind,
      index,
      parent,
      bornNs: this.#now,
      exitNs: undefined,
      cpuNs: 0,
      stuckIn: undefined,
      units: 0,
      latencies: [],
      comm: this.#w.kinds[kind]!.comm.replace('%d', `${index}`),
      pc: 0,
      loops: [],
      begin: this.#now,
      periods: 0,
      unitBegin: this.#now,
      woken: this.#now,
      slept: false,
      children: 0,
    };
    this.#tasks.push(task);
    this.#maxAlive = Math.max(this.#maxAlive, ++this.#alive);
    if (parent !== null) parent.children++;
    this.#at(this.#now, () => this.#go(task));
  }

  /** Runs a task until it has to wait. */
  #go(task: Running): void {
    const { program } = this.#w.kinds[task.kind]!;
    while (task.pc < program.length && !this.#stopped) {
      const end = this.#w.endNs == null || task.kind === 0 ? Number.POSITIVE_INFINITY : this.#epoch + this.#w.endNs;
      if (this.#now >= end) break;
      const i = program[task.pc]!;
      if (i.op === 'exit') break;
      task.pc++;
      if (this.#step(task, i, end)) return;
    }
    if (this.#stopped) return;
    task.exitNs = this.#now;
    this.#alive--;
    const parent = task.parent as Running | null;
    if (parent !== null && --parent.children === 0) this.#release(`children ${this.#tasks.indexOf(parent)}`);
  }

  /** One instruction; true if the task has to wait. */
  #step(task: Running, i: Instruction, end: number): boolean {
    const id = (r: Ref) => r.base + r.stride * (task.index >> r.shift);
    switch (i.op) {
      case 'run':
      case 'system':
        return this.#busy(task, 'run', meanNs(i.work), end);
      case 'runtime':
        return this.#busy(task, 'runtime', i.ns, end);
      case 'hog':
        return this.#busy(task, 'hog', Math.min(end, this.#until) - this.#now, end);
      case 'sleep':
        return this.#sleep(task, this.#now + meanNs(i.time), end);
      case 'sleepUntil':
        return this.#sleep(task, this.#epoch + i.atNs + i.stepNs * task.index, end);
      case 'period':
        task.periods = Math.max(task.periods + 1, Math.ceil((this.#now - task.begin) / i.ns));
        return this.#sleep(task, task.begin + task.periods * i.ns, end);
      case 'timer': {
        const t = id(i.timer);
        const reference = (this.#timers[t]! < 0 ? task.begin : this.#timers[t]!) + i.periodNs;
        this.#timers[t] = reference <= this.#now && i.mode === 'relative' ? this.#now : reference;
        return this.#sleep(task, reference, end);
      }
      case 'begin':
        task.begin = this.#now;
        return false;
      case 'epoch':
        this.#epoch = this.#now + i.delayNs;
        return false;
      case 'wake': {
        const s = id(i.semaphore);
        for (let n = 0; n < i.count; n++)
          if (!this.#release(`semaphore ${s}`, this.#w.semaphores[s]!.newestFirst)) this.#tokens[s]!++;
        return false;
      }
      case 'wait':
      case 'spinWait': {
        const s = id(i.semaphore);
        if (this.#tokens[s]! > 0) {
          this.#tokens[s]!--;
          return false;
        }
        return this.#wait(task, `semaphore ${s}`);
      }
      case 'send':
        return this.#busy(task, 'send', meanNs(i.work), end, () => this.#send(task, id(i.channel)));
      case 'receive': {
        const c = id(i.channel);
        const work = () => this.#busy(task, 'receive', meanNs(i.work), end);
        if (this.#messages[c] === 0) return this.#wait(task, `readers ${c}`, work);
        if (!this.#release(`writers ${c}`)) this.#messages[c]!--;
        return work();
      }
      case 'lock': {
        const m = id(i.mutex);
        if (this.#owners[m] !== undefined) return this.#wait(task, `mutex ${m}`, () => this.#own(m, task));
        return this.#own(m, task);
      }
      case 'unlock':
        this.#unlock(id(i.mutex));
        return false;
      case 'condWait': {
        const m = id(i.mutex);
        this.#unlock(m);
        return this.#wait(task, `condition ${id(i.condition)}`, () =>
          this.#owners[m] === undefined ? this.#own(m, task) : this.#wait(task, `mutex ${m}`, () => this.#own(m, task)),
        );
      }
      case 'signal':
        this.#release(`condition ${id(i.condition)}`);
        return false;
      case 'broadcast':
        while (this.#release(`condition ${id(i.condition)}`));
        return false;
      case 'barrier': {
        const b = id(i.barrier);
        if (++this.#arrived[b]! < this.#w.barriers[b]!.parties) return this.#wait(task, `barrier ${b}`);
        this.#arrived[b] = 0;
        while (this.#release(`barrier ${b}`));
        return false;
      }
      case 'suspend':
        return this.#wait(task, `suspension ${id(i.suspension)}`);
      case 'resume':
        while (this.#release(`suspension ${id(i.suspension)}`));
        return false;
      case 'fork':
        for (let n = 0; n < i.count; n++)
          this.#start(i.kind, task, i.firstIndex === undefined ? undefined : i.firstIndex + n);
        return false;
      case 'waitChildren':
        return task.children > 0 && this.#wait(task, `children ${this.#tasks.indexOf(task)}`);
      case 'rename':
        task.comm = i.comm.replace('%d', `${task.index}`).slice(0, 15);
        return false;
      case 'loop':
        task.loops.push({ pc: task.pc, left: i.count });
        return false;
      case 'end': {
        const loop = task.loops.at(-1)!;
        if (loop.left === 0 || --loop.left > 0) task.pc = loop.pc;
        else task.loops.pop();
        return false;
      }
      case 'mark':
        this.#marks.push({ ns: this.#now, text: i.text });
        return false;
      case 'unitBegin':
        task.unitBegin = i.sinceWake === true && task.slept ? task.woken : this.#now;
        task.slept = false;
        return false;
      case 'unitDone':
        task.units += i.units;
        if (i.timed) task.latencies.push([this.#now, this.#now - task.unitBegin]);
        return false;
      case 'stop':
        this.#stopped = true;
        return true;
      default:
        return false;
    }
  }

  #busy(task: Running, op: string, ns: number, end: number, then?: () => boolean): boolean {
    const until = Math.min(this.#now + ns, end);
    task.cpuNs += until - this.#now;
    if (this.#log) this.#steps.push({ task, op, from: this.#now, to: until });
    if (until === this.#now) return then?.() ?? false;
    this.#at(until, () => {
      if (then?.() !== true) this.#go(task);
    });
    return true;
  }

  #sleep(task: Running, at: number, end: number): boolean {
    const until = Math.min(at, end);
    if (until <= this.#now) return false;
    if (this.#log) this.#steps.push({ task, op: 'sleep', from: this.#now, to: until });
    this.#at(until, () => this.#woken(task, undefined));
    return true;
  }

  #wait(task: Running, queue: string, then?: () => boolean): true {
    let waiters = this.#queues.get(queue);
    if (waiters === undefined) this.#queues.set(queue, (waiters = []));
    waiters.push(() => this.#at(this.#now, () => this.#woken(task, then)));
    return true;
  }

  #woken(task: Running, then: (() => boolean) | undefined): void {
    task.woken = this.#now;
    task.slept = true;
    if (then?.() !== true) this.#go(task);
  }

  /** Lets one waiter go on; false if there is none. */
  #release(queue: string, newestFirst = false): boolean {
    const waiters = this.#queues.get(queue);
    const waiter = newestFirst ? waiters?.pop() : waiters?.shift();
    waiter?.();
    return waiter !== undefined;
  }

  #send(task: Running, c: number): boolean {
    if (this.#release(`readers ${c}`)) return false;
    if (this.#messages[c]! >= this.#w.channels[c]!.capacity) return this.#wait(task, `writers ${c}`);
    this.#messages[c]!++;
    return false;
  }

  #own(m: number, task: Running): false {
    this.#owners[m] = task;
    return false;
  }

  /** The mutex is handed to whoever waits for it, so that nobody can take it before. */
  #unlock(m: number): void {
    if (!this.#release(`mutex ${m}`)) this.#owners[m] = undefined;
  }

  /** A heap by time, then by order of request. */
  #at(ns: number, act: () => void): void {
    const heap = this.#events;
    heap.push({ ns, order: this.#order++, act });
    for (let i = heap.length - 1; i > 0; ) {
      const up = (i - 1) >> 1;
      if (before(heap[up]!, heap[i]!)) break;
      [heap[up], heap[i]] = [heap[i]!, heap[up]!];
      i = up;
    }
  }

  #pop(): { ns: number; act: () => void } {
    const heap = this.#events;
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length > 0) heap[0] = last;
    for (let i = 0; ; ) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2])
        if (child < heap.length && before(heap[child]!, heap[least]!)) least = child;
      if (least === i) return top;
      [heap[least], heap[i]] = [heap[i]!, heap[least]!];
      i = least;
    }
  }
}

function before(a: { ns: number; order: number }, b: { ns: number; order: number }): boolean {
  return a.ns < b.ns || (a.ns === b.ns && a.order < b.order);
}
