/**
 * A decision as a person would say it, in the kernel's words: what was decided and why in the first line, what it saw below.
 *
 *   12.004000 ms  CPU 3  newidle: gated by avg_idle: avg_idle < max_newidle_lb_cost of the lowest domain
 *                          avg_idle 18 us, max_newidle_lb_cost 500 us
 */
import type { FoundDecision } from '../analysis/named-decisions.ts';
import { formatCpuList } from '../machine/cpumask.ts';
import { type Decision, type DecisionGroup, type KnownReason, REASONS } from '../trace/decisions.ts';
import { levelName } from '../trace/events.ts';
import { formatTime } from './numbers.ts';
import { plural } from './words.ts';

const IDLE_TYPES = ['idle', 'busy', 'newidle'];
const MIGRATION_TYPES = ['migrate_load', 'migrate_util', 'migrate_task', 'migrate_misfit'];
const REASON_TEXTS = new Map<KnownReason, string>([
  ...REASONS.map(({ name, text }) => [name, text] as const),
  ['not_recorded', 'why is not recorded'],
]);
const INDENT = ' '.repeat(16);
/** Kinds that choose where to, not where from. */
const PUSHES: readonly string[] = ['active-balance', 'push', 'policy'];
/** Facts that are told in lines of their own. */
const TOLD_ELSEWHERE = ['imbalance', 'migration_type', 'in_interrupt'];

/** The lines of a decision. */
export function decisionText(found: FoundDecision): string {
  const { decision } = found;
  const head = `${(decision.timeNs / 1e6).toFixed(6)} ms  CPU ${decision.onCpu}  ${outcomeText(found)}`;
  return [head, ...details(found).map((line) => INDENT + line)].map((line) => `${line}\n`).join('');
}

/** Its first line: what was decided, and why. */
export function outcomeText(found: FoundDecision): string {
  return `${subject(found)}: ${outcome(found.decision)}`;
}

/** What is decided. */
function subject(found: FoundDecision): string {
  const { decision } = found;
  const { kind, cpu, onCpu, level, idle, task, by } = decision;
  const whose = cpu === onCpu ? '' : ` for CPU ${cpu}`;
  switch (kind) {
    case 'wakeup':
      return `${taskText(task, found)} is woken by ${wakerText(found)}`;
    case 'fork':
      return `${taskText(task, found)} is forked by ${taskText(by, found)}`;
    case 'exec':
      return `${taskText(task, found)} executes a program`;
    case 'balance':
      return `load_balance ${levelName(level)} (${IDLE_TYPES[idle] ?? 'unknown'})${whose}`;
    case 'newidle':
      return `newidle balance${whose}`;
    case 'nohz-kick':
      return 'nohz kick';
    case 'active-balance':
      return `active balance of CPU ${cpu}`;
    case 'push':
      return `push${task < 0 ? '' : ` of ${taskText(task, found)}`} from CPU ${cpu}`;
    case 'policy':
      return task < 0 ? `policy file${whose}` : `policy file, about ${taskText(task, found)} of CPU ${cpu}`;
    default:
      return `${kind}${task < 0 ? '' : ` of ${taskText(task, found)}`}${whose}`;
  }
}

/** What came of it, and why. */
function outcome(decision: Decision): string {
  const { kind, chosen, moved, reason, why, cpu, task } = decision;
  const because = why === '' ? '' : `: ${why}`;
  const refused = `${REASON_TEXTS.get(reason)}${because}`;
  switch (kind) {
    case 'wakeup':
    case 'fork':
    case 'exec': {
      const same = kind === 'fork' ? ', where its parent is' : ', where it was';
      const from = chosen === cpu ? same : ` (prev ${cpu})`;
      const busy = decision.facts.get('nr_running');
      const crowd = busy === undefined ? '' : `, which has ${busy} running`;
      const limits = reason === 'out_of_scope' ? '; there were idle CPUs out of scope' : '';
      return `to CPU ${chosen}${from}${crowd}${because}${limits}`;
    }
    case 'nohz-kick':
      if (reason === 'none') return `CPU ${chosen}${because}`;
      return `${chosen < 0 ? 'nobody' : `CPU ${chosen}, not again`}: ${refused}`;
    default:
      if (reason === 'pulled')
        return `${plural(moved, 'task')} ${PUSHES.includes(kind) ? 'to' : 'from'} CPU ${chosen}${because}`;
      if (reason === 'none') return `${chosen < 0 ? 'done' : `CPU ${chosen}`}${because}`;
      return task >= 0 && moved > 0
        ? `CPU ${chosen}${because}`
        : `nothing${chosen < 0 ? '' : ` ${PUSHES.includes(kind) ? 'to' : 'from'} CPU ${chosen}`}: ${refused}`;
  }
}

/** What it saw. */
function details(found: FoundDecision): string[] {
  const { decision } = found;
  const { facts, groups, looked, tasks } = decision;
  const lines: string[] = [];
  for (const { what, cpus } of looked) lines.push(`${what}: CPU ${formatCpuList(cpus)}`);
  lines.push(...groupLines(groups, decision));
  const imbalance = facts.get('imbalance');
  if (imbalance !== undefined)
    lines.push(`imbalance ${imbalance} (${MIGRATION_TYPES[facts.get('migration_type')!] ?? 'unknown'})`);
  const others = [...facts].filter(([name]) => !TOLD_ELSEWHERE.includes(name));
  if (others.length > 0) lines.push(others.map(([name, value]) => factText(name, value)).join(', '));
  for (const { task, reason, why } of tasks) {
    lines.push(`${taskText(task, found)}: ${REASON_TEXTS.get(reason)}${why === '' ? '' : `, ${why}`}`);
  }
  return lines;
}

/** More groups of a level than these are counted, not shown: the local one, the one singled out, and others. */
const MAX_GROUPS = 8;

function groupLines(groups: readonly DecisionGroup[], { level, kind }: Decision): string[] {
  const mark = { local: 'local', chosen: kind === 'balance' ? 'busiest' : 'idlest', other: '' };
  const nrOthers = new Map<number, number>();
  const shown = groups.filter((g) => {
    if (g.role !== 'other') return true;
    const n = (nrOthers.get(g.level) ?? 0) + 1;
    nrOthers.set(g.level, n);
    return n <= MAX_GROUPS - 2;
  });
  const lines = shown.map((g) => {
    const where = g.level === level ? '' : `${levelName(g.level)} `;
    const load = g.type === 'overloaded' ? `, avg_load ${g.avgLoad}` : '';
    const state = `${g.type}, ${g.nrRunning} running, ${g.idleCpus} of ${g.weight} idle, load ${g.load}, util ${g.util} of ${g.capacity}${load}`;
    return `${where}group ${`{${formatCpuList(g.cpus)}}`.padEnd(8)} ${mark[g.role].padEnd(7)} ${state}`;
  });
  const more = groups.length - shown.length;
  return more === 0 ? lines : [...lines, `and ${plural(more, 'other group')}`];
}

/** `avg_idle 18 us`: the name's last part tells the unit. */
function factText(name: string, value: number): string {
  const m = /^(.*)_(ns|ms|jiffies)$/.exec(name);
  if (m === null) return `${name} ${value}`;
  if (m[2] === 'ns') return `${m[1]} ${value < 0 ? `${value} ns` : formatTime(value)}`;
  return `${m[1]!.replace('due_in', 'due in')} ${value} ${m[2]}`;
}

/** Who wakes: the idle task wakes nobody by itself. */
function wakerText(found: FoundDecision): string {
  const { by, facts } = found.decision;
  if (by < 0) return 'an interrupt';
  return facts.has('in_interrupt') ? `an interrupt of ${taskText(by, found)}` : taskText(by, found);
}

/** `comm-pid` as trace-cmd has it. */
function taskText(id: number, { tasks }: FoundDecision): string {
  const task = tasks.get(id);
  return task === undefined ? 'the idle task' : `${task.comm}-${task.pid}`;
}

/** A decision as the JSON of `steelyard explain --json`; null is what it has not. */
export function decisionJson({ decision, tasks }: FoundDecision): unknown {
  const { timeNs, kind, onCpu, cpu, level, idle, chosen, moved, reason, why } = decision;
  const task = (id: number) => tasks.get(id) ?? null;
  return {
    timeNs,
    kind,
    onCpu,
    by: task(decision.by),
    cpu,
    task: task(decision.task),
    level: level < 0 ? null : levelName(level),
    idle: IDLE_TYPES[idle] ?? null,
    chosen: chosen < 0 ? null : chosen,
    moved,
    reason,
    why,
    facts: Object.fromEntries(decision.facts),
    groups: decision.groups.map((group) => ({ ...group, level: levelName(group.level) })),
    looked: decision.looked,
    tasks: decision.tasks.map((t) => ({ ...t, task: task(t.task) })),
  };
}
