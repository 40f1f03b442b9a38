/**
 * Programs of a workload as flat code: an operation and up to six numbers per instruction, so that running them allocates
 * nothing. The meaning of each is in `workload/program.ts`; they are carried out in `programs.ts`.
 */
import { assert } from '../base/errors.ts';
import type { Duration, Instruction, OpName, Ref, SchedPolicy, Workload } from '../workload/program.ts';
import { Policy, State } from './tasks.ts';

const OP_NAMES: readonly OpName[] = [
  'run',
  'system',
  'runtime',
  'hog',
  'sleep',
  'sleepUntil',
  'period',
  'timer',
  'cpuClock',
  'begin',
  'epoch',
  'wake',
  'wait',
  'spinWait',
  'send',
  'receive',
  'lock',
  'unlock',
  'lockCpu',
  'unlockCpu',
  'condWait',
  'signal',
  'broadcast',
  'barrier',
  'suspend',
  'resume',
  'softirq',
  'fork',
  'waitChildren',
  'exec',
  'rename',
  'setAffinity',
  'setNice',
  'setPolicy',
  'setClamps',
  'setGroup',
  'yield',
  'loop',
  'end',
  'mark',
  'unitBegin',
  'unitDone',
  'stop',
  'exit',
];

/** Operation codes. */
export const Op = Object.fromEntries(OP_NAMES.map((name, code) => [name, code])) as Record<OpName, number>;

/** Columns of arguments per instruction. */
export const ARGS = 6;

/** Kinds of `Duration`. */
export const Draw = { FIXED: 0, UNIFORM: 1, EXPONENTIAL: 2, LOGNORMAL: 3 } as const;

export interface ProgramCode {
  readonly op: Uint8Array;
  /** `ARGS` numbers an instruction. A reference takes three: base, stride, shift. */
  readonly args: Float64Array;
  /** First instruction of each kind; the last of a program is always `exit`. */
  readonly start: Int32Array;
  /** Durations: kind and three numbers each. */
  readonly durations: Float64Array;
  /** Strings of exec, rename and mark, by number. */
  readonly strings: readonly string[];
}

/** State of a task that sleeps, by its letter in a trace. */
const SLEEP_STATES = { S: State.INTERRUPTIBLE, D: State.UNINTERRUPTIBLE, I: State.IDLE } as const;

const POLICY_NUMBERS: Record<SchedPolicy, number> = {
  other: Policy.NORMAL,
  batch: Policy.BATCH,
  idle: Policy.IDLE,
  fifo: Policy.FIFO,
  rr: Policy.RR,
  deadline: Policy.DEADLINE,
};

export function policyNumber(policy: SchedPolicy): number {
  return POLICY_NUMBERS[policy];
}

/** `affinityOf` turns a list of CPUs (null: all) into a set number. */
export function compilePrograms(
  workload: Workload,
  affinityOf: (cpus: readonly number[] | null) => number,
): ProgramCode {
  const op: number[] = [];
  const args: number[] = [];
  const start: number[] = [];
  const durations: number[] = [];
  const strings: string[] = [];
  const durationIds = new Map<string, number>();

  const duration = (d: Duration): number => {
    const key = JSON.stringify(d);
    let id = durationIds.get(key);
    if (id === undefined) {
      id = durations.length / 4;
      durations.push(...encodeDuration(d));
      durationIds.set(key, id);
    }
    return id;
  };
  const string = (text: string): number => strings.push(text) - 1;
  const ref = (r: Ref): number[] => [r.base, r.stride, r.shift];

  const encode = (i: Instruction): number[] => {
    switch (i.op) {
      case 'run':
      case 'system':
        return [duration(i.work)];
      case 'runtime':
        return [i.ns];
      case 'sleep':
        return [duration(i.time), SLEEP_STATES[i.state], i.io === true ? 1 : 0];
      case 'sleepUntil':
        return [i.atNs, i.stepNs, i.jitterNs];
      case 'period':
        return [i.ns];
      case 'timer':
        return [...ref(i.timer), i.periodNs, i.mode === 'absolute' ? 1 : 0];
      case 'epoch':
        return [i.delayNs];
      case 'wake':
        return [...ref(i.semaphore), i.count, i.sync ? 1 : 0];
      case 'wait':
      case 'spinWait':
        return ref(i.semaphore);
      case 'send':
      case 'receive':
        return [...ref(i.channel), duration(i.work)];
      case 'lock':
      case 'unlock':
        return ref(i.mutex);
      case 'condWait':
        return [...ref(i.condition), ...ref(i.mutex)];
      case 'signal':
      case 'broadcast':
        return ref(i.condition);
      case 'barrier':
        return [...ref(i.barrier), i.spin ? 1 : 0];
      case 'suspend':
        return [...ref(i.suspension), SLEEP_STATES[i.state ?? 'S']];
      case 'resume':
        return ref(i.suspension);
      case 'fork':
        return [i.kind, i.count, i.firstIndex ?? -1];
      case 'exec':
        return [i.comm === undefined ? -1 : string(i.comm)];
      case 'rename':
        return [string(i.comm)];
      case 'setAffinity':
        return [i.of === 'self' ? -1 : i.of, affinityOf(i.cpus)];
      case 'setNice':
        return [i.of === 'self' ? -1 : i.of, i.nice];
      case 'setPolicy':
        return [POLICY_NUMBERS[i.policy], i.priority, i.sliceNs ?? 0];
      case 'setClamps':
        return [i.min, i.max];
      case 'setGroup':
        return [i.group + 1];
      case 'loop':
        return [i.count];
      case 'mark':
        return [string(i.text)];
      case 'unitBegin':
        return [i.sinceWake === true ? 1 : 0];
      case 'unitDone':
        return [i.units, i.timed ? 1 : 0];
      default:
        return [];
    }
  };

  for (const kind of workload.kinds) {
    start.push(op.length);
    for (const i of [...kind.program, { op: 'exit' } as const]) {
      op.push(Op[i.op]);
      const encoded = encode(i);
      assert(encoded.length <= ARGS, `instruction ${i.op} has too many arguments`);
      for (let a = 0; a < ARGS; a++) args.push(encoded[a] ?? 0);
    }
  }
  return {
    op: Uint8Array.from(op),
    args: Float64Array.from(args),
    start: Int32Array.from(start),
    durations: Float64Array.from(durations),
    strings,
  };
}

function encodeDuration(d: Duration): number[] {
  switch (d.kind) {
    case 'fixed':
      return [Draw.FIXED, d.ns, 0, 0];
    case 'uniform':
      return [Draw.UNIFORM, d.minNs, d.stepNs, Math.floor((d.maxNs - d.minNs) / d.stepNs) + 1];
    case 'exponential':
      return [Draw.EXPONENTIAL, d.meanNs, 0, 0];
    case 'lognormal':
      return [Draw.LOGNORMAL, d.medianNs, d.sigma, 0];
  }
}
