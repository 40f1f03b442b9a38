/** /proc/PID/sched of simulated tasks. @spec 09 §2 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePolicy } from '../../src/balance/policy.ts';
import { ProcSchedSink } from '../../src/experiment/proc-sched-sink.ts';
import { simulate } from '../../src/experiment/simulate.ts';
import { formatProcSched, type ProcSched } from '../../src/trace/proc-sched.ts';
import { WorkloadBuilder } from '../../src/workload/build.ts';
import { MS, RUN, SLEEP } from '../support/simulate.ts';
import { machine } from '../support/trace-builder.ts';

/** Two tasks of CPU 1 that take turns, one of which ends; by comm. */
function files(policy: string): Record<string, ProcSched> {
  const w = new WorkloadBuilder('test');
  const brief = w.kind({
    name: 'brief',
    cpus: [1],
    nice: 5,
    program: [RUN(2), SLEEP(3), { op: 'rename', comm: 'renamed' }, RUN(2), { op: 'exit' }],
  });
  const lasting = w.kind({ name: 'lasting', program: [RUN(1), SLEEP(1000)] });
  w.main([{ op: 'fork', kind: brief, count: 1 }, { op: 'fork', kind: lasting, count: 1 }, { op: 'exit' }]);
  const sink = new ProcSchedSink();
  const workload = { workload: w.build(), warnings: [], features: [], repetitions: 1, seed0: 1, samples: [] };
  simulate(
    {
      machine: machine(4),
      workload,
      policy: parsePolicy(policy),
      seed: 1,
      durationNs: 50 * MS,
      warmupNs: 0,
    },
    { sink },
  );
  return Object.fromEntries([...sink.files.values()].map((file) => [file.comm, file]));
}

const numbers = (file: ProcSched) => Object.fromEntries(file.lines.map(({ label, value }) => [label, value]));

test('a task that has ended is shown as it was when it did, one that lives on as it is at the end', () => {
  const { renamed, lasting, brief } = files('linux-6.1,timer_slack=0ns');
  assert.equal(brief, undefined);
  const of = numbers(renamed!);
  // As far as it is accounted: since it woke up at 5 ms there has been no tick.
  assert.equal(of['se.sum_exec_runtime'], 2 * MS);
  assert.equal(of['nr_voluntary_switches'], 1);
  assert.equal(of['prio'], 125);
  assert.equal(of['se.load.weight'], 335 * 1024);
  // Neither migrated: a fork is no migration.
  assert.deepEqual([of['se.nr_migrations'], of['avg_per_cpu']], [0, -1]);
  assert.equal(of['avg_atom'], 2 * MS);
  assert.equal(numbers(lasting!)['se.sum_exec_runtime'], 1 * MS);
  assert.equal(numbers(lasting!)['se.exec_start']! > 0, true);
});

test('the lines are in the order of the kernel, those of schedstats only if they are kept', () => {
  const labels = (policy: string) => {
    const text = formatProcSched(files(policy)['lasting']!);
    return text
      .split('\n')
      .slice(2, -1)
      .map((line) => line.slice(0, 45).trimEnd());
  };
  const all = labels('linux-6.1');
  assert.deepEqual(all.slice(0, 5), [
    'se.exec_start',
    'se.vruntime',
    'se.sum_exec_runtime',
    'se.nr_migrations',
    'nr_migrations_cold',
  ]);
  assert.deepEqual(all.slice(-3), ['policy', 'prio', 'numa_preferred_nid']);
  const statistics = all.slice(all.indexOf('nr_migrations_cold'), all.indexOf('avg_per_cpu') + 1);
  assert.equal(statistics.length, 9);
  assert.deepEqual(
    labels('linux-6.1,schedstats=off'),
    all.filter((label) => !statistics.includes(label)),
  );
});
