/**
 * What a boot carries from one repetition into the next, as the probes tell it: the first `lb_enter` of each CPU's domains
 * shows what their balance passes had left, the first `newidle` of a CPU what it remembers of idling. Newidle passes, which
 * keep most of that as it is, may come in between.
 */
import type { DomainStart, StartState } from '../../sched/start-state.ts';
import type { LoadStart } from './guest.ts';

const MARK = 'lab rep ';
const ENTER = ' lb_enter: ';
const NEWIDLE = ' newidle: ';
const FORK = ' sched_process_fork: ';
const EXEC = ' sched_process_exec: ';

interface Entry {
  readonly timeNs: number;
  readonly fields: ReadonlyMap<string, number>;
}

/** How one repetition began. */
export interface RecordedStart {
  readonly state: StartState;
  readonly load: LoadStart;
}

/** For each repetition of a trace text, in order; `comm`: of the task that starts the load's. */
export function recordedStarts(text: Uint8Array, hz: number, comm: string): RecordedStart[] {
  const buffer = Buffer.from(text.buffer, text.byteOffset, text.byteLength);
  const begins: number[] = [];
  for (let at = buffer.indexOf(MARK); at >= 0; at = buffer.indexOf(MARK, at + 1)) begins.push(at);
  return begins.map((begin, i) => {
    const end = begins[i + 1] ?? buffer.length;
    return { state: readState(buffer, begin, end, 1_000_000_000 / hz), load: readLoad(buffer, begin, end, comm) };
  });
}

function readState(buffer: Buffer, begin: number, end: number, tickNs: number): StartState {
  const first = new Map<string, Entry>();
  // A regular pass leaves the jiffy it ended in; the next pass of the same domain shows it.
  let jiffyAtBegin: number | null = null;
  const beginNs = entryAt(buffer, begin).timeNs;
  const regular = new Map<string, Entry>();
  for (let at = buffer.indexOf(ENTER, begin); at >= 0 && at < end; at = buffer.indexOf(ENTER, at + 1)) {
    const entry = entryAt(buffer, at);
    const key = `${entry.fields.get('cpu')} ${entry.fields.get('level')}`;
    if (!first.has(key)) first.set(key, entry);
    const before = regular.get(key);
    if (jiffyAtBegin === null && before !== undefined && entry.fields.get('last') !== before.fields.get('last')) {
      jiffyAtBegin = entry.fields.get('last')! - Math.round((before.timeNs - beginNs) / tickNs);
    }
    if (entry.fields.get('idle') !== NEWLY_IDLE) regular.set(key, entry);
  }
  const cpus = new Map<number, Entry>();
  for (let at = buffer.indexOf(NEWIDLE, begin); at >= 0 && at < end; at = buffer.indexOf(NEWIDLE, at + 1)) {
    const entry = entryAt(buffer, at);
    const cpu = entry.fields.get('cpu')!;
    if (!cpus.has(cpu)) cpus.set(cpu, entry);
  }
  return {
    domains: [...first.values()].map(({ fields }) => domainStart(fields, jiffyAtBegin)),
    cpus: [...cpus].map(([cpu, { fields }]) => ({
      cpu,
      avgIdleNs: fields.get('avg_idle')!,
      maxIdleBalanceCostNs: fields.get('maxcost')!,
      newidleCall: fields.get('call') ?? null,
      newidleSuccess: fields.get('success') ?? null,
    })),
  };
}

/** Where the load's first fork was, and how long after the program of the task that forked had begun. */
function readLoad(buffer: Buffer, begin: number, end: number, comm: string): LoadStart {
  for (let at = buffer.indexOf(FORK, begin); at >= 0 && at < end; at = buffer.indexOf(FORK, at + 1)) {
    const line = lineAt(buffer, at);
    const [, task, cpu] = /^\s*(.+)-\d+\s+\[(\d+)\]/.exec(line) ?? [];
    if (task !== comm) continue;
    const exec = buffer.lastIndexOf(EXEC, at);
    return { cpu: Number(cpu), setUpNs: exec < begin ? null : timeOf(line) - timeOf(lineAt(buffer, exec)) };
  }
  return { cpu: null, setUpNs: null };
}

/** The idle type of a newidle pass in 6.1. */
const NEWLY_IDLE = 2;

function domainStart(fields: ReadonlyMap<string, number>, jiffyAtBegin: number | null): DomainStart {
  const last = fields.get('last')!;
  return {
    cpu: fields.get('cpu')!,
    level: fields.get('level')!,
    intervalMs: fields.get('interval')!,
    failed: fields.get('failed')!,
    sinceJiffies: jiffyAtBegin === null ? null : Math.max(0, jiffyAtBegin - last),
    maxNewidleCostNs: fields.get('maxcost') ?? null,
    newidleRatio: fields.get('ratio') ?? null,
  };
}

/** The event in the line around `at`: its time and its numbers. */
function entryAt(buffer: Buffer, at: number): Entry {
  const line = lineAt(buffer, at);
  const fields = new Map<string, number>();
  for (const [, name, value] of line.matchAll(/ (\w+)=(-?\d+)(?=\s|$)/g)) fields.set(name!, Number(value));
  return { timeNs: timeOf(line), fields };
}

function lineAt(buffer: Buffer, at: number): string {
  const to = buffer.indexOf('\n', at);
  return buffer.toString('latin1', buffer.lastIndexOf('\n', at) + 1, to < 0 ? buffer.length : to);
}

/** 0 if the line tells none. */
function timeOf(line: string): number {
  const time = /\s(\d+)\.(\d{9}): /.exec(line);
  return time === null ? 0 : Number(time[1]) * 1_000_000_000 + Number(time[2]);
}
