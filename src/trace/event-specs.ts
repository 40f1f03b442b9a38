/** What each kind of event is called, what its task is, and its arguments with their types. */

/** How an argument is to be read and printed. */
export type ArgType =
  | 'int' // a count, CPU, level or flag value
  | 'ns' // nanoseconds
  | 'task' // a trace task id
  | 'string' // an index into TraceTables.strings
  | 'mask' // an index into TraceTables.masks
  | 'hex'; // printed in hexadecimal

export interface EventSpec {
  /** Tracepoint or probe name. */
  readonly name: string;
  /** Argument names and types, in order. */
  readonly args: readonly (readonly [name: string, type: ArgType])[];
  /** What `task` of the row is, or null when the row is about no task. */
  readonly task: string | null;
}

const WAKE_ARGS = [
  ['target_cpu', 'int'],
  ['prio', 'int'],
] as const;
const DELAY_ARGS = [['delay', 'ns']] as const;
const VEC_ARGS = [['vec', 'int']] as const;

/** What each kind is, by `Ev`. */
export const EVENTS: readonly EventSpec[] = [
  {
    name: 'sched_switch',
    task: 'prev',
    args: [
      ['next', 'task'],
      ['prev_state', 'int'],
      ['prev_prio', 'int'],
      ['next_prio', 'int'],
    ],
  },
  { name: 'sched_waking', task: 'wakee', args: WAKE_ARGS },
  { name: 'sched_wakeup', task: 'wakee', args: WAKE_ARGS },
  { name: 'sched_wakeup_new', task: 'wakee', args: WAKE_ARGS },
  {
    name: 'sched_migrate_task',
    task: 'task',
    args: [
      ['orig_cpu', 'int'],
      ['dest_cpu', 'int'],
      ['prio', 'int'],
      ['cause', 'int'],
      ['level', 'int'],
    ],
  },
  { name: 'sched_process_fork', task: 'parent', args: [['child', 'task']] },
  { name: 'sched_process_exec', task: 'task', args: [] },
  { name: 'sched_process_exit', task: 'task', args: [['prio', 'int']] },
  {
    name: 'sched_stat_runtime',
    task: 'task',
    args: [
      ['runtime', 'ns'],
      ['vruntime', 'ns'],
    ],
  },
  { name: 'sched_stat_wait', task: 'task', args: DELAY_ARGS },
  { name: 'sched_stat_sleep', task: 'task', args: DELAY_ARGS },
  { name: 'sched_stat_blocked', task: 'task', args: DELAY_ARGS },
  { name: 'sched_stat_iowait', task: 'task', args: DELAY_ARGS },
  { name: 'softirq_raise', task: null, args: VEC_ARGS },
  { name: 'softirq_entry', task: null, args: VEC_ARGS },
  { name: 'softirq_exit', task: null, args: VEC_ARGS },
  { name: 'reschedule_entry', task: null, args: [] },
  { name: 'call_function_single_entry', task: null, args: [] },
  { name: 'sched_wake_idle_without_ipi', task: null, args: [['cpu', 'int']] },
  {
    name: 'lb_enter',
    task: null,
    args: [
      ['cpu', 'int'],
      ['level', 'int'],
      ['idle', 'int'],
      ['nr', 'int'],
      ['interval', 'int'],
      ['last', 'int'],
      ['failed', 'int'],
      ['maxcost', 'ns'],
      ['ratio', 'int'],
    ],
  },
  {
    name: 'lb_busiest',
    task: null,
    args: [
      ['cpu', 'int'],
      ['level', 'int'],
      ['idle', 'int'],
      ['group', 'hex'],
      ['gmask_lo', 'hex'],
      ['gmask_hi', 'hex'],
      ['imbalance', 'int'],
      ['mtype', 'int'],
    ],
  },
  {
    name: 'lb_leave',
    task: null,
    args: [
      ['cpu', 'int'],
      ['level', 'int'],
      ['idle', 'int'],
      ['moved', 'int'],
      ['src', 'int'],
      ['imbalance', 'int'],
      ['mtype', 'int'],
      ['flags', 'hex'],
      ['loop', 'int'],
      ['interval', 'int'],
      ['failed', 'int'],
      ['cost', 'ns'],
    ],
  },
  {
    name: 'can_migrate',
    task: 'task',
    args: [
      ['src', 'int'],
      ['dst', 'int'],
      ['idle', 'int'],
      ['imbalance', 'int'],
      ['mtype', 'int'],
      ['loop', 'int'],
      ['util', 'int'],
      ['load', 'int'],
    ],
  },
  { name: 'can_migrate_ret', task: null, args: [['ret', 'int']] },
  {
    name: 'detach',
    task: 'task',
    args: [
      ['src', 'int'],
      ['dst', 'int'],
    ],
  },
  {
    name: 'need_active',
    task: null,
    args: [
      ['src', 'int'],
      ['dst', 'int'],
      ['idle', 'int'],
      ['level', 'int'],
      ['failed', 'int'],
    ],
  },
  { name: 'need_active_ret', task: null, args: [['ret', 'int']] },
  {
    name: 'active_balance',
    task: null,
    args: [
      ['cpu', 'int'],
      ['nr', 'int'],
      ['push_cpu', 'int'],
    ],
  },
  {
    name: 'newidle',
    task: null,
    args: [
      ['cpu', 'int'],
      ['nr', 'int'],
      ['avg_idle', 'ns'],
      ['maxcost', 'ns'],
      ['ratio', 'int'],
      ['call', 'int'],
      ['success', 'int'],
      ['sdcost', 'ns'],
    ],
  },
  { name: 'newidle_ret', task: null, args: [['pulled', 'int']] },
  {
    name: 'rebalance',
    task: null,
    args: [
      ['cpu', 'int'],
      ['nr', 'int'],
      ['idle', 'int'],
    ],
  },
  {
    name: 'ilb_kicked',
    task: null,
    args: [
      ['cpu', 'int'],
      ['nr', 'int'],
    ],
  },
  {
    name: 'nohz_idle_balance',
    task: null,
    args: [
      ['cpu', 'int'],
      ['flags', 'hex'],
    ],
  },
  { name: 'nohz_enter', task: null, args: [['cpu', 'int']] },
  {
    name: 'select',
    task: 'wakee',
    args: [
      ['prev', 'int'],
      ['flags', 'hex'],
      ['recent', 'int'],
      ['util', 'int'],
    ],
  },
  { name: 'select_ret', task: null, args: [['cpu', 'int']] },
  {
    name: 'idlest',
    task: 'task',
    args: [
      ['level', 'int'],
      ['this', 'int'],
    ],
  },
  {
    name: 'idlest_ret',
    task: null,
    args: [
      ['group', 'hex'],
      ['gmask_lo', 'hex'],
      ['gmask_hi', 'hex'],
    ],
  },
  {
    name: 'pelt_se',
    task: 'entity',
    args: [
      ['now', 'ns'],
      ['cpu', 'int'],
      ['task', 'ns'],
      ['is_curr', 'int'],
      ['se', 'int'],
      ['on_rq', 'int'],
      ['w', 'int'],
      ['vr', 'ns'],
      ['sum', 'ns'],
      ['lut', 'ns'],
      ['ls', 'int'],
      ['rs', 'int'],
      ['us', 'int'],
      ['pc', 'int'],
      ['la', 'int'],
      ['ra', 'int'],
      ['ua', 'int'],
      ['dl', 'ns'],
      ['lag', 'ns'],
      ['slice', 'ns'],
    ],
  },
  {
    name: 'pelt_cfs',
    task: null,
    args: [
      ['now', 'ns'],
      ['cpu', 'int'],
      ['cfs', 'int'],
      ['h_nr', 'int'],
      ['w', 'int'],
      ['minvr', 'ns'],
      ['has_curr', 'int'],
      ['lut', 'ns'],
      ['ls', 'int'],
      ['rs', 'int'],
      ['us', 'int'],
      ['pc', 'int'],
      ['la', 'int'],
      ['ra', 'int'],
      ['ua', 'int'],
    ],
  },
  {
    name: 'pelt_blocked',
    task: 'entity',
    args: [
      ['now', 'ns'],
      ['se', 'int'],
      ['w', 'int'],
      ['vr', 'ns'],
      ['sum', 'ns'],
      ['lut', 'ns'],
      ['ls', 'int'],
      ['rs', 'int'],
      ['us', 'int'],
      ['pc', 'int'],
      ['la', 'int'],
      ['ra', 'int'],
      ['ua', 'int'],
    ],
  },
  { name: 'print', task: null, args: [['text', 'string']] },
  { name: 'task_rename', task: 'task', args: [['comm', 'string']] },
  { name: 'sched_setaffinity', task: 'task', args: [['mask', 'mask']] },
  {
    name: 'work',
    task: 'task',
    args: [
      ['units', 'int'],
      ['latency', 'ns'],
    ],
  },
  { name: 'lost_events', task: null, args: [['count', 'int']] },
  {
    name: 'decision',
    task: 'task',
    args: [
      ['kind', 'int'],
      ['cpu', 'int'],
      ['by', 'task'],
      ['level', 'int'],
      ['idle', 'int'],
      ['chosen', 'int'],
      ['moved', 'int'],
      ['reason', 'int'],
      ['why', 'string'],
    ],
  },
  {
    name: 'decision_fact',
    task: null,
    args: [
      ['name', 'string'],
      ['value', 'int'],
    ],
  },
  {
    name: 'decision_group',
    task: null,
    args: [
      ['mask', 'mask'],
      ['level', 'int'],
      ['role', 'int'],
      ['type', 'int'],
      ['nr_running', 'int'],
      ['h_nr_running', 'int'],
      ['idle_cpus', 'int'],
      ['weight', 'int'],
      ['load', 'int'],
      ['util', 'int'],
      ['runnable', 'int'],
      ['capacity', 'int'],
      ['avg_load', 'int'],
    ],
  },
  {
    name: 'decision_cpus',
    task: null,
    args: [
      ['mask', 'mask'],
      ['what', 'string'],
    ],
  },
  {
    name: 'decision_task',
    task: 'task',
    args: [
      ['reason', 'int'],
      ['why', 'string'],
    ],
  },
];

/** Number of arguments of each kind. */
export const EVENT_ARITY: Uint8Array = Uint8Array.from(EVENTS, (e) => e.args.length);

/** The most arguments any kind has. */
export const MAX_EVENT_ARGS = EVENTS.reduce((most, e) => Math.max(most, e.args.length), 0);
