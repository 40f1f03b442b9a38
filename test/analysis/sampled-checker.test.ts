import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FiguresSink } from '../../src/analysis/figures.ts';
import { SampledChecker, type SampledCheckerOptions } from '../../src/analysis/sampled-checker.ts';
import { parsePolicy } from '../../src/balance/policy.ts';
import { simulate } from '../../src/experiment/simulate.ts';
import { presetMachine } from '../../src/machine/presets.ts';
import { RECORDINGS } from '../../src/trace/recorder.ts';
import type { TraceSink } from '../../src/trace/sink.ts';
import { tee } from '../../src/trace/tee.ts';
import { generate } from '../../src/workload/generators/generate.ts';
import { machine, TraceBuilder } from '../support/trace-builder.ts';

const S = 1_000_000;

/** What a checker finds in a trace; violations as `idle<-overloaded task suspect-confirmed`, in seconds. */
function found(trace: TraceBuilder, options: SampledCheckerOptions = {}): string[] {
  const checker = new SampledChecker(options);
  trace.play(checker);
  return checker.violations.map(({ idleCpu, overloadedCpu, task, suspectNs, confirmedNs }) => {
    return `${idleCpu}<-${overloadedCpu} ${trace.tables.tasks[task]!.comm} ${suspectNs / 1e9}-${confirmedNs / 1e9}`;
  });
}

/** B waits behind A on CPU 0 from the beginning. */
function crowded(nrCpus = 2): TraceBuilder {
  return new TraceBuilder(machine(nrCpus)).at(0).onCpu(0).wakeup('A', 0).switch('idle', 'A').wakeup('B', 0);
}

test('an idle CPU beside a crowded one is suspect at the first look and a violation at the second', () => {
  assert.deepEqual(found(crowded().end(3.5 * S)), ['1<-0 B 1-2']);
  assert.deepEqual(found(crowded().end(1.9 * S)), []);
  assert.deepEqual(found(crowded().end(3.5 * S), { rounds: 3 }), ['1<-0 B 1-3']);
});

test('a task that was pulled there between two looks clears the suspicion', () => {
  const trace = crowded()
    .at(1.5 * S)
    .onCpu(1)
    .migrate('B', 0, 1, 'newidle')
    .switch('idle', 'B');
  trace
    .at(1.6 * S)
    .onCpu(1)
    .switch('B', 'idle')
    .onCpu(0)
    .wakeup('C', 0);
  assert.deepEqual(found(trace.end(2.9 * S)), []);
});

test('what is crowded and idle only between looks is not seen', () => {
  const trace = crowded()
    .at(0.9 * S)
    .onCpu(0)
    .switch('A', 'B')
    .at(1.1 * S)
    .wakeup('A', 0);
  assert.deepEqual(
    found(
      trace
        .at(1.9 * S)
        .switch('B', 'A')
        .end(2.5 * S),
    ),
    [],
  );
});

test('tasks that may not run on the idle CPU are no reason, nor are real-time ones', () => {
  const bound = new TraceBuilder(machine(3)).at(0).onCpu(0).wakeup('A', 0).switch('idle', 'A').affinity('B', [0, 2]);
  assert.deepEqual(found(bound.wakeup('B', 0).end(2.5 * S)), ['2<-0 B 1-2']);
  const rt = new TraceBuilder(machine(2)).task('F', { prio: 50 }).task('G', { prio: 50 });
  assert.deepEqual(
    found(
      rt
        .at(0)
        .onCpu(0)
        .wakeup('F', 0)
        .switch('idle', 'F')
        .wakeup('G', 0)
        .end(3 * S),
    ),
    [],
  );
});

test('by rechecks: a suspect that still is one 100 ms later, if nothing came to it', () => {
  const options = { recheckNs: 1e8 };
  assert.deepEqual(found(crowded().end(1.2 * S), options), ['1<-0 B 1-1.1']);
  const woken = crowded()
    .at(1.05 * S)
    .onCpu(1)
    .wakeup('C', 1)
    .switch('idle', 'C')
    .at(1.06 * S)
    .switch('C', 'idle');
  assert.deepEqual(found(woken.end(1.2 * S), options), []);
});

test('times that make no sense are refused', () => {
  assert.throws(() => new SampledChecker({ intervalNs: 0 }), RangeError);
  assert.throws(() => new SampledChecker({ recheckNs: 2e9 }), RangeError);
});

/** Idle CPUs of confirmed violations, by both checkers, and the rest of what they saw. */
function bothCheckers(workload: string, policy: string, durationNs: number | null) {
  const exact = new FiguresSink({ observed: RECORDINGS.figures });
  const sampled = new SampledChecker();
  const sink: TraceSink = tee(exact, sampled);
  const reading = {
    workload: generate(workload, 64),
    warnings: [],
    features: [],
    repetitions: 1,
    seed0: 1,
    samples: [],
  };
  simulate(
    {
      machine: presetMachine('bulldozer64'),
      workload: reading,
      policy: parsePolicy(policy),
      seed: 1,
      durationNs,
      warmupNs: 0,
    },
    { sink, record: RECORDINGS.figures },
  );
  return { exact, sampled };
}

const FAULTS = [
  ['lu:threads=64', 'linux-6.1,fault.drop_numa_domains_on_hotplug=on'],
  ['ep:threads=16,cpus=8-23', 'linux-6.1,fault.groups_from_cpu0=on'],
  ['sessions:load=lu,threads=60,singles=4', 'linux-6.1,fault.group_metric=average'],
  ['lu:threads=64', 'linux-6.1'],
] as const;

test('spec 23 check 11: looking once a second finds the violations of 2 s and more that there are', () => {
  for (const [workload, policy] of FAULTS) {
    const { exact, sampled } = bothCheckers(workload, policy, 3.2e9);
    const long = exact.idleEpisodes.filter(({ fromNs, toNs }) => toNs - fromNs >= 2e9).map(({ cpu }) => cpu);
    const inSamples = sampled.violations.map(({ idleCpu }) => idleCpu);
    const sorted = (cpus: readonly number[]) => [...new Set(cpus)].sort((a, b) => a - b);
    assert.deepEqual(sorted(inSamples), sorted(long), `${workload} under ${policy}`);
    assert.equal(long.length > 0, policy !== 'linux-6.1', `${workload} under ${policy}`);
  }
});

test('spec 23 check 8: violations of overload on wakeup are many and short; looking once a second finds none of them', () => {
  const { exact, sampled } = bothCheckers('dbquery', 'linux-6.1,fault.wakeup_scope=node', null);
  const figure = (name: string) => exact.figures().find((f) => f.name === name)!.value!;
  assert.ok(sampled.nrLooks >= 2);
  assert.deepEqual(sampled.violations, []);
  const long = ['100ms', '1s', '10s'].reduce((n, length) => n + figure(`wasted_episodes.${length}`), 0);
  assert.ok(figure('wasted_episodes') > 1000, `${figure('wasted_episodes')} episodes`);
  assert.ok(long < figure('wasted_episodes') / 2, 'the median is below 100 ms');
  assert.ok(figure('wasted_cpu_ms') > 1000, `${figure('wasted_cpu_ms')} ms`);
});
