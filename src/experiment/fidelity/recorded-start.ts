/**
 * What a boot carries from one repetition into the next, as the probes tell it: the first `lb_enter` of each CPU's domains
 * shows what their balance passes had left, the first `newidle` of a CPU what it remembers of idling. Newidle passes, which
 * keep most of that as it is, may come in between.
 */
import type { DomainStart, StartState } from '../../sched/start-state.ts';

const MARK = 'lab rep ';
const ENTER = ' lb_enter: ';
const NEWIDLE = ' newidle: ';

interface Entry {
  readonly timeNs: number;
  readonly fields: ReadonlyMap<string, number>;
}

/** For each repetition of a trace text, in order. */
export function recordedStarts(text: Uint8Array, hz: number): StartState[] {
  const buffer = Buffer.from(text.buffer, text.byteOffset, text.byteLength);
  const begins: number[] = [];
  for (let at = buffer.indexOf(MARK); at >= 0; at = buffer.indexOf(MARK, at + 1)) begins.push(at);
  return begins.map((begin, i) => readStart(buffer, begin, begins[i + 1] ?? buffer.length, 1_000_000_000 / hz));
}

function readStart(buffer: Buffer, begin: number, end: number, tickNs: number): StartState {
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
  const from = buffer.lastIndexOf('\n', at) + 1;
  const to = buffer.indexOf('\n', at);
  const line = buffer.toString('latin1', from, to < 0 ? buffer.length : to);
  const time = /\s(\d+)\.(\d{9}): /.exec(line);
  const timeNs = time === null ? 0 : Number(time[1]) * 1_000_000_000 + Number(time[2]);
  const fields = new Map<string, number>();
  for (const [, name, value] of line.matchAll(/ (\w+)=(-?\d+)(?=\s|$)/g)) fields.set(name!, Number(value));
  return { timeNs, fields };
}
