/** Decision records: what is left, that it survives our file, and that nothing else knows of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePolicy } from '../../src/balance/policy.ts';
import { simulate } from '../../src/experiment/simulate.ts';
import { loadWorkload } from '../../src/experiment/workload-file.ts';
import { DECISION_KINDS, type Decision, DecisionKind, Decisions, REASONS, Reason } from '../../src/trace/decisions.ts';
import { readTrace, TraceDiskWriter, writeTrace } from '../../src/trace/disk.ts';
import { isDecisionKind } from '../../src/trace/events.ts';
import { FtraceTextWriter } from '../../src/trace/ftrace-text.ts';
import { PerfettoWriter } from '../../src/trace/perfetto.ts';
import type { TraceSink } from '../../src/trace/sink.ts';
import { type TraceSource, TraceStore } from '../../src/trace/store.ts';
import { machine } from '../support/trace-builder.ts';
import { collect } from './random-trace.ts';

function traceOf(decisions: boolean): TraceStore {
  const store = new TraceStore();
  simulate(
    {
      machine: machine(4),
      workload: loadWorkload('runsleep:n=6', 4),
      policy: parsePolicy('linux-6.1'),
      seed: 1,
      durationNs: 100e6,
      warmupNs: 0,
    },
    { sink: store, decisions },
  );
  return store;
}

function decisionsOf(trace: TraceSource): Decision[] {
  const list: Decision[] = [];
  trace.play(new Decisions((decision) => list.push(decision)));
  return list;
}

function bytesOf(trace: TraceSource, writer: (write: (chunk: Uint8Array) => void) => TraceSink): Buffer {
  const chunks: Uint8Array[] = [];
  trace.play(writer((chunk) => chunks.push(chunk.slice())));
  return Buffer.concat(chunks);
}

const withDecisions = traceOf(true);
const without = traceOf(false);

test('placements, passes and refusals are recorded', () => {
  const list = decisionsOf(withDecisions);
  const seen = new Set(list.map(({ kind, reason }) => `${kind} ${reason}`));
  for (const one of ['wakeup none', 'fork none', 'balance pulled', 'newidle not_overloaded', 'balance interval'])
    assert.ok(seen.has(one), `${one}: ${[...seen].join(', ')}`);
  const pulled = list.find(({ kind, reason }) => kind === 'balance' && reason === 'pulled')!;
  assert.deepEqual(pulled.groups.map(({ role }) => role).sort(), ['chosen', 'local', 'other', 'other']);
  assert.equal(pulled.tasks.filter(({ reason }) => reason === 'pulled').length, pulled.moved);
  assert.ok(pulled.facts.has('imbalance'));
});

test('the run is the same run: without its decisions the trace is that of a run without them', () => {
  const events = collect((sink) => withDecisions.play(sink)).events.filter(({ kind }) => !isDecisionKind(kind));
  assert.deepEqual(events, collect((sink) => without.play(sink)).events);
});

test('other forms of traces do not change with decisions in them', () => {
  for (const writer of [
    (write: (chunk: Uint8Array) => void) => new FtraceTextWriter(write, { repetition: 1 }),
    (write: (chunk: Uint8Array) => void) => new PerfettoWriter(write),
  ]) {
    assert.deepEqual(bytesOf(withDecisions, writer), bytesOf(without, writer));
  }
});

test('the same run makes the same bytes, and they are read back', () => {
  const bytes = writeTrace(withDecisions);
  assert.deepEqual(writeTrace(traceOf(true)), bytes);
  assert.deepEqual(decisionsOf(readTrace(bytes)), decisionsOf(withDecisions));
  assert.equal(readTrace(bytes).tables.decisions, true);
});

test('a file without decisions says nothing of them, so older readers take it', () => {
  const { tables } = readTrace(writeTrace(without));
  assert.equal('decisions' in tables, false);
  const sink = new TraceDiskWriter(() => {});
  sink.begin(tables, 0);
  assert.throws(() => sink.event(46, 0, 0, -1, new Float64Array(20)), /says so in its tables/);
});

test('names and numbers of kinds and reasons agree, and stay: they are in files', () => {
  assert.equal(Object.keys(DecisionKind).length, DECISION_KINDS.length);
  for (const [name, i] of Object.entries(DecisionKind))
    assert.equal(DECISION_KINDS[i], name.toLowerCase().replace('_', '-'));
  assert.equal(Object.keys(Reason).length, REASONS.length);
  for (const [name, i] of Object.entries(Reason)) assert.equal(REASONS[i]!.name, name.toLowerCase());
  assert.deepEqual(REASONS.map(({ name }) => name).slice(0, 6), [
    'none',
    'pulled',
    'avg_idle',
    'not_overloaded',
    'no_busiest_group',
    'group_type',
  ]);
});
