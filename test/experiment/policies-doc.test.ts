/** docs/policies.md: its files work, and what it builds in the end steals as the built-in part does. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Policy } from '../../src/balance/policy.ts';
import { HOOK_NAMES } from '../../src/balance/user/define-policy.ts';
import { Scheduler } from '../../src/balance/user/scheduler.ts';
import { SchedulerView } from '../../src/balance/user/scheduler-view.ts';
import { loadMachine } from '../../src/experiment/machine-file.ts';
import { loadPolicy } from '../../src/experiment/policy-file.ts';
import { type RunResult, simulate } from '../../src/experiment/simulate.ts';
import { loadWorkload } from '../../src/experiment/workload-file.ts';
import { Ev, MigrateCause } from '../../src/trace/events.ts';

const page = readFileSync(fileURLToPath(new URL('../../docs/policies.md', import.meta.url)), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'steelyard-test-'));
after(() => rmSync(folder, { recursive: true }));

const files = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, text], i) => {
  const name = `step-${i + 1}.ts`;
  writeFileSync(join(folder, name), text!);
  return `./${name}`;
});

interface Run {
  readonly result: RunResult;
  /** Switches and migrations: time, CPU, task, arguments; steals by whoever they are. */
  readonly events: readonly string[];
  readonly steals: number;
}

function run(policy: Policy, machineName: string, workloadSpec: string, seed = 1, durationNs = 200e6): Run {
  const machine = loadMachine(machineName);
  const workload = loadWorkload(workloadSpec, machine.nrCpus);
  const events: string[] = [];
  let steals = 0;
  const sink = {
    event: (kind: number, timeNs: number, cpu: number, task: number, args: Float64Array) => {
      if (kind !== Ev.SCHED_SWITCH && kind !== Ev.SCHED_MIGRATE_TASK) return;
      const shown = [...args.subarray(0, 5)];
      if (kind === Ev.SCHED_MIGRATE_TASK && (shown[3] === MigrateCause.STEAL || shown[3] === MigrateCause.POLICY)) {
        shown[3] = MigrateCause.STEAL;
        steals++;
      }
      events.push([kind, timeNs, cpu, task, ...shown].join());
    },
  };
  const plan = { machine, workload, policy, seed, durationNs, warmupNs: 0 };
  return { result: simulate(plan, { sink, checkInvariants: true }), events, steals };
}

test('every step is a policy that works', () => {
  assert.equal(files.length, 3);
  const [mark, take] = files.map((file) => run(loadPolicy(file, folder), 'smt8', 'runsleep:n=20'));
  const figure = ({ result }: Run, name: string) => result.figures.find((f) => f.name === name)?.value;
  assert.ok(figure(mark!, 'policy.count.sets')! > 100);
  assert.equal(mark!.steals, 0);
  assert.ok(take!.steals > 10, `${take!.steals} steals`);
  assert.equal(figure(take!, 'policy.moves'), take!.steals);
});

test('the last step steals the same tasks at the same moments as the built-in part', () => {
  const own = loadPolicy(files[2]!, folder);
  const cases: readonly (readonly [string, string, number, number?])[] = [
    ['smt8', 'runsleep:n=20', 1],
    ['smt8', 'hackbench:groups=1,loops=20', 2],
    ['numa16', 'runsleep:n=40', 3],
    ['e5-2630v4', 'kbuild', 4, 100e6],
    ['epyc-7763', 'runsleep:n=200', 5, 40e6],
  ];
  let steals = 0;
  for (const [machine, workload, seed, durationNs] of cases) {
    const builtIn = run(loadPolicy('linux-6.1,steal=on'), machine, workload, seed, durationNs);
    const file = run(own, machine, workload, seed, durationNs);
    assert.deepEqual(file.events, builtIn.events, `${machine} ${workload}`);
    assert.equal(file.result.figures.find(({ name }) => name === 'policy.count.steals')!.value, file.steals);
    steals += file.steals;
  }
  assert.ok(steals > 200, `${steals} steals`);
});

test('the page names every hook and everything that the scheduler offers', () => {
  for (const hook of HOOK_NAMES) assert.ok(page.includes(`\`${hook}(`), hook);
  const members = [Scheduler, SchedulerView]
    .flatMap(({ prototype }) => Object.getOwnPropertyNames(prototype))
    .filter((name) => name !== 'constructor');
  for (const name of members) assert.match(page, new RegExp(`\`${name}[\`(]`), name);
});
