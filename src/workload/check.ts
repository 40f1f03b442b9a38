/**
 * Checks a workload before it is run: whatever the simulator would trip over is a user's error here, by the name of the
 * task. Loops that could never let the clock go on are among it.
 */
import { UserError } from '../base/errors.ts';
import type { Duration, Instruction, Ref, Workload } from './program.ts';

/** Loops of a program may be nested this deep. */
export const MAX_LOOP_DEPTH = 8;
/** The longest time an instruction may name: 104 days, what an exact nanosecond clock can count. */
export const MAX_NS = Number.MAX_SAFE_INTEGER;
/** The most tasks a workload may have at a time, or start with one instruction. */
export const MAX_TABLE = 1 << 20;

/** Throws `UserError` (code `workload`) for a structure that the simulator could not run. */
export function checkWorkload(w: Workload): void {
  if (w.maxTasks > MAX_TABLE) throw new UserError('limit', `workload "${w.name}" starts more than ${MAX_TABLE} tasks`);
  w.kinds.forEach((kind, k) => {
    const fail = (what: string): never => {
      throw new UserError('workload', `workload "${w.name}", task "${kind.name || kind.comm}": ${what}`);
    };
    if (kind.nice < -20 || kind.nice > 19 || !Number.isInteger(kind.nice))
      fail(`nice ${kind.nice} is not within -20..19`);
    const rt = kind.policy === 'fifo' || kind.policy === 'rr';
    if (rt && !(kind.priority >= 1 && kind.priority <= 99))
      fail(`${kind.policy} priority ${kind.priority} is not within 1..99`);
    if (kind.cpus !== null) checkCpus(kind.cpus, fail);
    checkClamp(kind.utilMin ?? 0, 0, fail);
    checkClamp(kind.utilMax ?? 0, 0, fail);
    if (kind.group >= w.groups.length) fail(`control group ${kind.group} does not exist`);
    checkProgram(w, kind.program, fail);
    if (k === 0 && kind.program.length === 0) fail('the main task has no program');
  });
  const refuse = (what: string): never => {
    throw new UserError('workload', `workload "${w.name}": ${what}`);
  };
  for (const c of w.channels) {
    if (!(c.capacity >= 1)) refuse(`channel "${c.name}" holds ${c.capacity} messages`);
    const { page = 1, wakeAllAt = 0 } = c;
    if (!(page >= 1 && page <= c.capacity && wakeAllAt >= 0 && wakeAllAt < c.capacity)) {
      refuse(`channel "${c.name}" of ${c.capacity} messages never has room for a sender that waits`);
    }
  }
  for (const b of w.barriers) if (!(b.parties >= 1)) refuse(`barrier "${b.name}" is for ${b.parties} tasks`);
  for (const s of w.semaphores) if (!(s.initial >= 0)) refuse(`semaphore "${s.name}" begins with ${s.initial} tokens`);
  if (w.endNs != null && !(w.endNs > 0)) refuse(`an end ${w.endNs} ns after time zero`);
  for (const g of w.groups) {
    const fail = (what: string): never => {
      throw new UserError('workload', `workload "${w.name}", control group ${g.path}: ${what}`);
    };
    if (!Number.isInteger(g.weight) || g.weight < 1 || g.weight > 10000)
      fail(`weight ${g.weight} is not within 1..10000`);
    if (g.quotaNs !== null && g.quotaNs < 1_000_000) fail(`quota ${g.quotaNs} ns is below 1 ms`);
    if (g.periodNs < 1_000_000 || g.periodNs > 1_000_000_000) fail(`period ${g.periodNs} ns is not within 1 ms..1 s`);
  }
}

function checkClamp(value: number, least: number, fail: (what: string) => never): void {
  if (!Number.isInteger(value) || value < least || value > 1024)
    fail(`utilisation clamp ${value} is not within ${least}..1024`);
}

function checkProgram(w: Workload, program: readonly Instruction[], fail: (what: string) => never): void {
  let depth = 0;
  const ns = (value: number, what: string) => {
    if (!Number.isInteger(value) || value < 0 || value > MAX_NS)
      fail(`${what} of ${value} ns is not a time from 0 to 104 days`);
  };
  const duration = (d: Duration, what: string) => {
    if (d.kind === 'fixed') ns(d.ns, what);
    else if (d.kind === 'uniform') {
      ns(d.minNs, what);
      ns(d.maxNs, what);
      if (d.maxNs < d.minNs) fail(`${what} from ${d.minNs} to ${d.maxNs} ns is empty`);
    } else if (d.kind === 'exponential') ns(d.meanNs, what);
    else ns(d.medianNs, what);
  };
  const within = (r: Ref, table: readonly unknown[], what: string) => {
    if (r.base < 0 || r.base >= table.length) fail(`${what} ${r.base} does not exist`);
  };
  for (const [at, i] of program.entries()) {
    switch (i.op) {
      case 'run':
      case 'system':
        duration(i.work, i.op);
        break;
      case 'runtime':
        ns(i.ns, 'runtime');
        break;
      case 'sleep':
        duration(i.time, 'sleep');
        break;
      case 'sleepUntil':
        ns(i.atNs, 'start');
        ns(i.stepNs, 'step');
        ns(i.jitterNs, 'jitter');
        break;
      case 'epoch':
        ns(i.delayNs, 'epoch');
        break;
      case 'period':
        if (i.ns < 1) fail('a period of 0');
        ns(i.ns, 'period');
        break;
      case 'timer':
        ns(i.periodNs, 'timer period');
        within(i.timer, w.timers, 'timer');
        break;
      case 'wake':
        if (i.count < 1) fail(`wake count ${i.count} is not at least 1`);
        within(i.semaphore, w.semaphores, 'semaphore');
        break;
      case 'wait':
      case 'spinWait':
        within(i.semaphore, w.semaphores, 'semaphore');
        break;
      case 'send':
      case 'receive':
        duration(i.work, i.op);
        within(i.channel, w.channels, 'channel');
        break;
      case 'lock':
      case 'unlock':
        within(i.mutex, w.mutexes, 'mutex');
        break;
      case 'condWait':
        within(i.condition, w.conditions, 'condition');
        within(i.mutex, w.mutexes, 'mutex');
        break;
      case 'signal':
      case 'broadcast':
        within(i.condition, w.conditions, 'condition');
        break;
      case 'barrier':
        within(i.barrier, w.barriers, 'barrier');
        break;
      case 'suspend':
      case 'resume':
        within(i.suspension, w.suspensions, 'suspension');
        break;
      case 'fork':
        if (i.kind < 1 || i.kind >= w.kinds.length) fail(`forks kind ${i.kind}, which does not exist`);
        if (!Number.isInteger(i.count) || i.count < 0 || i.count > MAX_TABLE) fail(`forks ${i.count} tasks at once`);
        if (i.firstIndex !== undefined && !(Number.isInteger(i.firstIndex) && i.firstIndex >= 0))
          fail(`forks tasks from index ${i.firstIndex}`);
        break;
      case 'setAffinity':
        if (i.cpus !== null) checkCpus(i.cpus, fail);
        break;
      case 'setPolicy': {
        const rt = i.policy === 'fifo' || i.policy === 'rr';
        if (rt && !(i.priority >= 1 && i.priority <= 99)) fail(`priority ${i.priority} is not within 1..99`);
        if (i.sliceNs !== undefined) ns(i.sliceNs, 'slice');
        break;
      }
      case 'setNice':
        if (i.nice < -20 || i.nice > 19) fail(`nice ${i.nice} is not within -20..19`);
        break;
      case 'setClamps':
        checkClamp(i.min, -1, fail);
        checkClamp(i.max, -1, fail);
        break;
      case 'setGroup':
        if (i.group >= w.groups.length) fail(`control group ${i.group} does not exist`);
        break;
      case 'loop':
        if (++depth > MAX_LOOP_DEPTH) fail(`loops are nested deeper than ${MAX_LOOP_DEPTH}`);
        if (!Number.isInteger(i.count) || i.count < 0) fail(`a loop of ${i.count} times`);
        break;
      case 'end':
        if (--depth < 0) fail(`instruction ${at + 1} ends a loop that was never begun`);
        break;
      default:
        break;
    }
  }
  if (depth !== 0) fail('a loop is not ended');
  if (stuckLoop(program) >= 0) fail('repeats for ever what takes no time (add a run or a sleep to the loop)');
}

function checkCpus(cpus: readonly number[], fail: (what: string) => never): void {
  if (cpus.length === 0) fail('is allowed on no CPU');
  for (const cpu of cpus) if (!Number.isInteger(cpu) || cpu < 0) fail(`CPU ${cpu} is not a CPU number`);
}

/**
 * The first loop for ever of a program that can take no time in a pass, or -1: such a loop would hold the simulated clock
 * still. (It still can if what it waits for is always there already: the interpreter has a limit for that.)
 */
export function stuckLoop(program: readonly Instruction[]): number {
  // Endless loops that are open, each with whether its pass may take time; a finite loop belongs to the one around it.
  const open: { at: number; endless: boolean; takesTime: boolean }[] = [];
  for (const [at, i] of program.entries()) {
    if (i.op === 'loop') open.push({ at, endless: i.count === 0, takesTime: false });
    else if (i.op === 'end') {
      const ended = open.pop();
      if (ended === undefined) return -1;
      if (ended.endless && !ended.takesTime) return ended.at;
      if (ended.takesTime && open.length > 0) open.at(-1)!.takesTime = true;
    } else if (open.length > 0 && mayTakeTime(i)) open.at(-1)!.takesTime = true;
  }
  return -1;
}

function mayTakeTime(i: Instruction): boolean {
  switch (i.op) {
    case 'run':
    case 'system':
      return !isZero(i.work);
    case 'sleep':
      return !isZero(i.time);
    case 'runtime':
      return i.ns > 0;
    case 'timer':
      return i.periodNs > 0;
    case 'hog':
    case 'period':
    case 'wait':
    case 'spinWait':
    case 'send':
    case 'receive':
    case 'condWait':
    case 'barrier':
    case 'suspend':
    case 'waitChildren':
    case 'stop':
    case 'exit':
      return true;
    default:
      return false;
  }
}

function isZero(d: Duration): boolean {
  return d.kind === 'fixed' && d.ns === 0;
}
