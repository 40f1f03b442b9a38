/**
 * How the text of each event is laid out, for the reader and the writer alike.
 *
 *   lb_enter: (ffffffff810f39d0) cpu=2 sd="MC" level=2 idle=0 nr=0 ...
 *             └ probe: where      └ fields: key, form, and which argument of the event it is
 *
 * The fields of a layout are in the order of the text. What a key is called in the text and what the argument is called in
 * `EVENTS` are mostly the same; the forms say how it is printed. `sched_switch`, the wakeups and the markers have layouts
 * of their own in the reader and the writer; here is what is made of `key=value`. @spec 09 §3
 */
import { EVENTS } from './event-specs.ts';
import { Ev, type EventKind, levelName, NOT_OBSERVED, TaskState } from './events.ts';

/** How the value of a field is printed. */
export type TextForm =
  | 'dec' // a signed decimal number
  | 'u64' // 64 bits, unsigned; a negative argument is its two's complement
  | 'cpu3' // three digits at least
  | 'ns' // as u64, followed by ` [ns]`
  | 'hex' // 0x and 64 bits, unsigned; as u64
  | 'words' // as hex, but two arguments: the low and the high word
  | 'idle' // an idle type, numbered as the kernel of the trace does
  | 'vec' // a softirq, followed by ` [action=NAME]`
  | 'vector' // the interrupt vector of the event, which is no argument
  | 'level' // the name of a topology level, quoted
  | 'pid' // the task of the row
  | 'comm' // its name, bare
  | 'quoted' // its name, quoted
  | 'childPid' // the task that is the argument
  | 'childComm' // its name, bare
  | 'currSe' // a pointer: that of `se` if the argument is 1, else null
  | 'pointer'; // a pointer: null if the argument is 0

export interface TextField {
  readonly key: string;
  readonly form: TextForm;
  /** Index of the argument, or -1: the text has it and the event does not (or has it as its task). */
  readonly arg: number;
  /** Index of the argument that must be observed for the field to be there, or -1: always there. */
  readonly ifObserved: number;
  /** Index of the argument that must be positive, or -1. */
  readonly ifPositive: number;
}

export interface TextLayout {
  readonly kind: EventKind;
  /** 'entry' and 'return' probes begin with an address, or two. */
  readonly probe: 'none' | 'entry' | 'return';
  readonly fields: readonly TextField[];
}

/** Forms of keys that say nothing else. */
const FORM_OF_KEY: Readonly<Record<string, TextForm>> = {
  pid: 'pid',
  comm: 'comm',
  child_pid: 'childPid',
  child_comm: 'childComm',
  sd: 'level',
  idle: 'idle',
  vec: 'vec',
  vector: 'vector',
  gmask: 'words',
  group: 'hex',
  flags: 'hex',
  se: 'hex',
  cfs: 'hex',
};

/** Names of arguments by the form or key of their field, where these differ from the key. */
const ARG_OF: Readonly<Record<string, string>> = {
  level: 'level',
  words: 'gmask_lo',
  childPid: 'child',
  currSe: 'is_curr',
  pointer: 'has_curr',
};

/**
 * A layout from a line of words `key`, `key:form`; with `?` the field is there if its argument is observed, with `?name` if
 * that argument is positive.
 */
function layout(kind: EventKind, probe: TextLayout['probe'], text: string): TextLayout {
  const names = EVENTS[kind]!.args.map(([name]) => name);
  const fields = text.split(' ').map((word): TextField => {
    const [, key, formWord, question] = /^(\w+)(?::(\w+))?(\?\w*)?$/.exec(word)!;
    const form = (formWord as TextForm | undefined) ?? FORM_OF_KEY[key!] ?? 'dec';
    // lb_enter has the number of the level beside its name, and the number tells more
    const arg = form === 'level' && text.includes(' level ') ? -1 : names.indexOf(ARG_OF[form] ?? key!);
    const ifObserved = question === '?' ? arg : -1;
    const ifPositive = question === undefined || question === '?' ? -1 : names.indexOf(question.slice(1));
    return { key: key!, form, arg, ifObserved, ifPositive };
  });
  return { kind, probe, fields };
}

const LB = 'comm:quoted';
const SUMS = 'lut:u64 ls:u64 rs:u64 us pc la:u64 ra:u64 ua:u64';

/** Layouts of the events that are made of `key=value`. */
export const TEXT_LAYOUTS: readonly TextLayout[] = [
  layout(Ev.SCHED_WAKING, 'none', 'comm pid prio target_cpu:cpu3'),
  layout(Ev.SCHED_WAKEUP, 'none', 'comm pid prio target_cpu:cpu3'),
  layout(Ev.SCHED_WAKEUP_NEW, 'none', 'comm pid prio target_cpu:cpu3'),
  layout(Ev.SCHED_MIGRATE_TASK, 'none', 'comm pid prio orig_cpu dest_cpu'),
  layout(Ev.SCHED_PROCESS_FORK, 'none', 'comm pid child_comm child_pid'),
  layout(Ev.SCHED_PROCESS_EXIT, 'none', 'comm pid prio'),
  layout(Ev.SCHED_STAT_RUNTIME, 'none', 'comm pid runtime:ns vruntime:ns?'),
  layout(Ev.SCHED_STAT_WAIT, 'none', 'comm pid delay:ns'),
  layout(Ev.SCHED_STAT_SLEEP, 'none', 'comm pid delay:ns'),
  layout(Ev.SCHED_STAT_BLOCKED, 'none', 'comm pid delay:ns'),
  layout(Ev.SCHED_STAT_IOWAIT, 'none', 'comm pid delay:ns'),
  layout(Ev.SOFTIRQ_RAISE, 'none', 'vec'),
  layout(Ev.SOFTIRQ_ENTRY, 'none', 'vec'),
  layout(Ev.SOFTIRQ_EXIT, 'none', 'vec'),
  layout(Ev.RESCHEDULE_ENTRY, 'none', 'vector'),
  layout(Ev.CALL_FUNCTION_SINGLE_ENTRY, 'none', 'vector'),
  layout(Ev.SCHED_WAKE_IDLE_WITHOUT_IPI, 'none', 'cpu'),
  layout(Ev.LB_ENTER, 'entry', 'cpu sd level idle nr interval last:u64 failed maxcost:u64 ratio?'),
  layout(Ev.LB_BUSIEST, 'entry', 'cpu sd idle group gmask imbalance:u64 mtype'),
  layout(Ev.LB_LEAVE, 'entry', 'cpu sd idle moved src imbalance:u64 mtype flags loop interval failed'),
  layout(Ev.CAN_MIGRATE, 'entry', `pid ${LB} src dst idle imbalance:u64 mtype loop util:u64 load:u64`),
  layout(Ev.CAN_MIGRATE_RET, 'return', 'ret'),
  layout(Ev.DETACH, 'entry', `pid ${LB} src dst`),
  layout(Ev.NEED_ACTIVE, 'entry', 'src dst idle sd failed'),
  layout(Ev.NEED_ACTIVE_RET, 'return', 'ret'),
  layout(Ev.ACTIVE_BALANCE, 'entry', 'cpu nr push_cpu'),
  layout(Ev.NEWIDLE, 'entry', 'cpu nr avg_idle:u64 maxcost:u64 ratio? call? success? sdcost:u64?'),
  layout(Ev.NEWIDLE_RET, 'return', 'pulled'),
  layout(Ev.REBALANCE, 'entry', 'cpu nr idle'),
  layout(Ev.ILB_KICKED, 'entry', 'cpu nr'),
  layout(Ev.NOHZ_IDLE_BALANCE, 'entry', 'cpu flags'),
  layout(Ev.NOHZ_ENTER, 'entry', 'cpu'),
  layout(Ev.SELECT, 'entry', `pid ${LB} prev flags recent util:u64`),
  layout(Ev.SELECT_RET, 'return', 'cpu'),
  layout(Ev.IDLEST, 'entry', `sd pid ${LB} this`),
  layout(Ev.IDLEST_RET, 'return', 'group gmask'),
  layout(
    Ev.PELT_SE,
    'entry',
    `now:u64 cpu task:u64 curr:currSe se pid on_rq w:u64 vr:u64 sum:u64 dl:u64?slice lag?slice slice:u64?slice ${SUMS}`,
  ),
  layout(Ev.PELT_CFS, 'entry', `now:u64 cpu cfs h_nr w:u64 minvr:u64 curr:pointer ${SUMS}`),
  layout(Ev.PELT_BLOCKED, 'entry', `now:u64 se pid w:u64 vr:u64 sum:u64 ${SUMS}`),
];

/** What differs between the kernels whose traces we read and write. */
export interface TextDialect {
  /** Idle types are numbered 0 busy, 1 idle (since 6.10), not the other way round. */
  readonly busyIsZero: boolean;
  /** Topology level 3 is called PKG (since 6.7), not DIE. */
  readonly dieIsPkg: boolean;
}

/** The dialect of a kernel, by `TraceTables.source`; that of 6.1 if the source names no version. */
export function dialectOf(source: string): TextDialect {
  const release = kernelRelease(source);
  const atLeast = (minor: number) => release !== null && (release[0] > 6 || (release[0] === 6 && release[1] >= minor));
  return { busyIsZero: atLeast(10), dieIsPkg: atLeast(7) };
}

/** `[6, 1]` of `linux-6.1` or `Linux version 6.1.0-56-amd64 (...)`. */
export function kernelRelease(source: string): [major: number, minor: number] | null {
  const m = /linux(?:-| version )(\d{1,3})\.(\d{1,4})/i.exec(source);
  return m === null ? null : [Number(m[1]), Number(m[2])];
}

/** 0 and 1 exchanged if the dialect numbers idle types so; its own inverse. */
export function convertIdleType(idle: number, dialect: TextDialect): number {
  return dialect.busyIsZero && (idle === 0 || idle === 1) ? 1 - idle : idle;
}

/** Name of a topology level; `?` for one that was not observed. */
export function textLevelName(level: number, dialect: TextDialect): string {
  if (level === NOT_OBSERVED) return '?';
  return level === 3 && dialect.dieIsPkg ? 'PKG' : levelName(level);
}

/** Level of a name; all NUMA levels have one name, so it is the lowest. */
export function textLevel(name: string): number {
  return LEVELS[name] ?? NOT_OBSERVED;
}
const LEVELS: Readonly<Record<string, number>> = { SMT: 0, CLS: 1, MC: 2, DIE: 3, PKG: 3, NODE: 4, NUMA: 5 };

/** Letters of the bits of a task's state. trace-cmd has its own for the two it does not know. @spec 09 §3 */
const KERNEL_LETTERS = 'SDTtXZPI';
const TRACE_CMD_LETTERS = 'SDTtXZxW';

/** A task's state as the kernel prints it (`R+` for a preempted one) or as trace-cmd does (which does not tell). */
export function formatState(state: number, traceCmd: boolean): string {
  const letters = traceCmd ? TRACE_CMD_LETTERS : KERNEL_LETTERS;
  let text = '';
  for (let bit = 0; bit < letters.length; bit++) {
    if ((state & (1 << bit)) !== 0) text += (text === '' ? '' : '|') + letters[bit];
  }
  if (text === '') text = 'R';
  return !traceCmd && (state & TaskState.PREEMPTED) !== 0 ? `${text}+` : text;
}

/** The state of such a text, or -1 if it is none. */
export function parseState(text: string): number {
  let state = 0;
  const plus = text.endsWith('+');
  for (const letter of (plus ? text.slice(0, -1) : text).split('|')) {
    if (letter === 'R') continue;
    let bit = letter.length === 1 ? KERNEL_LETTERS.indexOf(letter) : -1;
    if (bit < 0 && letter.length === 1) bit = TRACE_CMD_LETTERS.indexOf(letter);
    if (bit < 0) return -1;
    state |= 1 << bit;
  }
  return plus ? state | TaskState.PREEMPTED : state;
}

const SOFTIRQ_NAMES = 'HI TIMER NET_TX NET_RX BLOCK IRQ_POLL TASKLET SCHED HRTIMER RCU'.split(' ');

export function softirqName(vec: number): string {
  return SOFTIRQ_NAMES[vec] ?? '?';
}

/** Interrupt vectors of amd64. */
export function interruptVector(kind: EventKind): number {
  return kind === Ev.RESCHEDULE_ENTRY ? 253 : 251;
}
