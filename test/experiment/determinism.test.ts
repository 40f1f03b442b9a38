/** The same plan gives the same bytes of trace, wherever it runs. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  compareRuns,
  loadMachine,
  loadWorkload,
  parsePolicy,
  type RunPlan,
  simulate,
  TraceDiskWriter,
} from 'steelyard';

const folder = mkdtempSync(join(tmpdir(), 'steelyard-test-'));
after(() => rmSync(folder, { recursive: true }));
let files = 0;

function planOf(machineName: string, workloadSpec: string, policy: string, seed: number): RunPlan {
  const machine = loadMachine(machineName);
  const workload = loadWorkload(workloadSpec, machine.nrCpus);
  return { machine, workload, policy: parsePolicy(policy), seed, durationNs: 300e6, warmupNs: 0 };
}

/** Bytes of the trace of a run in this thread. */
function here(plan: RunPlan): Buffer {
  const chunks: Uint8Array[] = [];
  simulate(plan, { sink: new TraceDiskWriter((chunk) => chunks.push(chunk)) });
  return Buffer.concat(chunks);
}

/** Bytes of the trace of a run in a worker thread. */
async function inWorker({ policy, ...plan }: RunPlan): Promise<Buffer> {
  const file = join(folder, `${files++}.steelyard`);
  await compareRuns({ ...plan, policies: [policy], runs: 1, traceFiles: [file] });
  return readFileSync(file);
}

const PLANS: readonly (readonly [string, string, string])[] = [
  ['smt8', 'runsleep:n=12', 'linux-6.1'],
  ['numa16', 'hackbench:groups=2,fds=4,loops=20', 'linux-6.1,costs=milan'],
  ['biglittle', 'schbench', 'linux-6.1,newidle=off'],
  ['flat:4', 'kbuild', 'linux-6.1,idle_governor=menu,tick_phase=skewed'],
];

test('a trace has the same bytes in this thread, again, and in worker threads', async () => {
  const plans = PLANS.map(([machine, workload, policy]) => planOf(machine, workload, policy, 7));
  const first = plans.map(here);
  // Backwards: nothing may be left of the run before.
  const again = [...plans].reverse().map(here).reverse();
  const workers = await Promise.all(plans.map(inWorker));
  plans.forEach((_, i) => {
    assert.ok(first[i]!.length > 2000, 'something happened');
    assert.deepEqual(again[i], first[i], `${PLANS[i]}: a second time`);
    assert.deepEqual(workers[i], first[i], `${PLANS[i]}: in a worker`);
  });
});

test('another seed gives another trace', () => {
  // The other loads draw no random numbers.
  for (const [machine, workload, policy] of PLANS.filter(([, spec]) => /runsleep|kbuild/.test(spec))) {
    assert.notDeepEqual(
      here(planOf(machine, workload, policy, 1)),
      here(planOf(machine, workload, policy, 2)),
      workload,
    );
  }
});

test('a run stopped half-way leaves nothing behind for the next', () => {
  const plan = planOf(...PLANS[0]!, 3);
  const whole = here(plan);
  assert.throws(() =>
    simulate(plan, {
      onProgress: (nowNs) => {
        if (nowNs > 100e6) throw new Error('enough');
      },
    }),
  );
  assert.deepEqual(here(plan), whole);
});
