/** Confirmed violations with what was decided meanwhile. @spec 23 §5.2 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { explainViolations } from '../../src/analysis/violation-decisions.ts';
import { DecisionKind, Reason } from '../../src/trace/decisions.ts';
import { readTrace, writeTrace } from '../../src/trace/disk.ts';
import { Ev } from '../../src/trace/events.ts';
import { storeTrace, type TraceSource } from '../../src/trace/store.ts';
import { machine, TraceBuilder } from '../support/trace-builder.ts';

/** A pass for a CPU that idles, refused at `us`. */
function refused(trace: TraceBuilder, us: number, cpu: number, reason: Reason): void {
  const args = [DecisionKind.BALANCE, cpu, -1, 2, 0, -1, 0, reason, 0];
  trace.at(us).onCpu(cpu).event(Ev.DECISION, -1, args);
}

/** `b` waits behind `a` on CPU 0 for so long, while CPU 1 idles and its balancing says no every 10 ms. */
function waiting(ms: number): TraceSource {
  const trace = new TraceBuilder(machine(2)).print('a rule').running('a', 0);
  for (let at = 5; at < ms + 20; at += 10) refused(trace, at * 1000, at % 20 === 5 ? 1 : 0, Reason.CACHE_HOT);
  const placed = [DecisionKind.WAKEUP, 0, trace.id('a'), -1, -1, 0, 0, Reason.NONE, 0];
  trace.at(10_000).onCpu(0).event(Ev.DECISION, trace.id('b'), placed).wakeup('b', 0);
  trace.at(10_000 + ms * 1000).switch('a', 'b');
  trace.events.sort((x, y) => x.timeNs - y.timeNs);
  return storeTrace((sink) => trace.end((ms + 30) * 1000).play(sink));
}

describe('spec 23 check 3: an episode is confirmed when it is long enough, with what was decided meanwhile', () => {
  test('99 ms are not confirmed at 100 ms', () => {
    assert.deepEqual(explainViolations(waiting(99), 100e6), []);
  });

  test('101 ms are confirmed once, and the decisions about the idle CPU are listed', () => {
    const [violation, ...more] = explainViolations(waiting(101), 100e6);
    assert.deepEqual(more, []);
    assert.ok(violation !== undefined);
    assert.deepEqual([violation.cpu, violation.idleCpu, violation.fromNs, violation.toNs], [0, 1, 10e6, 111e6]);
    assert.equal(violation.named.comm, 'b');
    // Those before and after it, and those about CPU 0, are not among them.
    assert.deepEqual(
      violation.decisions.map(({ decision }) => [decision.timeNs / 1e6, decision.cpu, decision.reason]),
      [25, 45, 65, 85, 105].map((ms) => [ms, 1, 'cache_hot']),
    );
    assert.equal(violation.placement?.decision.timeNs, 10e6);
    assert.equal(violation.placement?.tasks.get(violation.task)?.comm, 'b');
  });

  test('also from a file', () => {
    const trace = waiting(101);
    Object.assign(trace.tables, { decisions: true });
    const read = readTrace(writeTrace(trace));
    assert.deepEqual(explainViolations(read, 100e6), explainViolations(trace, 100e6));
  });
});
