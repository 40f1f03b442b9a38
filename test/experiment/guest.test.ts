/** A load in the kernel lab's guest. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parsePolicy } from '../../src/balance/policy.ts';
import { inGuest, type LoadStart } from '../../src/experiment/fidelity/guest.ts';
import { loadMachine } from '../../src/experiment/machine-file.ts';
import { simulate } from '../../src/experiment/simulate.ts';
import { loadWorkload } from '../../src/experiment/workload-file.ts';
import { Ev } from '../../src/trace/events.ts';
import type { TraceTables } from '../../src/trace/sink.ts';

const folder = mkdtempSync(join(tmpdir(), 'steelyard-test-'));
after(() => rmSync(folder, { recursive: true }));

const SPEC = `duration 30000
task a n=2 : hog
task b n=2 jitter=5000 : ( run 100 sleep 4000 )x0
`;

/** When marks were made, and what tasks began, ns; with the CPU. */
function run(seed: number, start: LoadStart | null = null, costs = 'none', spec = SPEC, samplesWakeRcu = true) {
  const machine = loadMachine('smp4');
  const file = join(folder, 'load.scn');
  writeFileSync(file, spec);
  const reading = loadWorkload(file, machine.nrCpus);
  const workload = { ...reading, workload: inGuest(reading.workload, machine, start, samplesWakeRcu) };
  const marks = new Map<string, number>();
  const forks: { comm: string; timeNs: number; cpu: number }[] = [];
  const wakes: { kind: string; comm: string; timeNs: number }[] = [];
  let tables: TraceTables | null = null;
  const sink = {
    begin: (t: TraceTables) => {
      tables = t;
    },
    event: (kind: number, timeNs: number, cpu: number, task: number, args: Float64Array) => {
      if (kind === Ev.PRINT) marks.set(tables!.strings[args[0]!]!, timeNs);
      if (kind === Ev.SCHED_PROCESS_FORK) forks.push({ comm: tables!.tasks[task]!.comm, timeNs, cpu });
      if (kind === Ev.SCHED_WAKEUP) {
        const { kind: name, comm } = tables!.tasks[task]!;
        wakes.push({ kind: name, comm, timeNs });
      }
    },
  };
  const policy = parsePolicy(`linux-6.1,costs=${costs},start_state=random`);
  const result = simulate({ machine, workload, policy, seed, durationNs: null, warmupNs: 0 }, { sink });
  return { marks, forks, wakes, reason: result.reason };
}

test('tasks draw the numbers that the load generator draws, whatever threads the guest has', () => {
  // The first numbers of slots 2 and 3, kind 1, modulo 5001, worked out with the generator's formula.
  const jitters = { 1: [698, 1212], 2: [4985, 3254] };
  for (const [seed, expected] of Object.entries(jitters)) {
    const { marks, wakes } = run(Number(seed));
    const began = marks.get('labgen start')!;
    const first = wakes.filter(({ kind, timeNs }) => kind === 'b' && timeNs >= began).slice(0, 2);
    const us = first.map(({ timeNs }) => Math.floor((timeNs - began) / 1000));
    // Timers of ordinary tasks may be up to 50 us late.
    const sorted = [...expected].sort((x, y) => x - y);
    for (const [i, jitter] of sorted.entries()) assert.ok(us[i]! >= jitter && us[i]! <= jitter + 50, `${us}`);
  }
});

test('the load begins on the CPU and after the time that were recorded, and ends with the shell', () => {
  const { marks, forks, reason } = run(1, { cpu: 2, setUpNs: 5_000_000 });
  const first = forks.find(({ comm }) => comm === 'labgen')!;
  assert.equal(first.cpu, 2);
  const after = first.timeNs - marks.get('lab rep')!;
  assert.ok(after >= 5_000_000 && after < 6_000_000, `${after}`);
  assert.equal(reason, 'stopped');
});

test('emulated, a child takes its turn in the kernel before it does anything, and so does an exit', () => {
  const fast = run(1, { cpu: 2, setUpNs: 5_000_000 });
  const slow = run(1, { cpu: 2, setUpNs: 5_000_000 }, 'kernel-lab');
  const gap = (forks: typeof fast.forks) => {
    const [one, two] = forks.filter(({ comm }) => comm === 'labgen');
    return two!.timeNs - one!.timeNs;
  };
  assert.equal(gap(fast.forks), 0);
  // A fork of 100 us, in turns with a child's 80 us.
  assert.ok(gap(slow.forks) > 120_000 && gap(slow.forks) < 250_000, `${gap(slow.forks)}`);
});

const SAMPLED = `${SPEC.replace('30000', '300000')}sample b 2 10000\n`;

test('where tasks are sampled, each fork copies the memory for the samples', () => {
  const { forks } = run(1, { cpu: 2, setUpNs: 15_000_000 }, 'kernel-lab', SAMPLED);
  const times = forks.filter(({ comm }) => comm === 'labgen').map(({ timeNs }) => timeNs);
  assert.equal(times.length, 4);
  // 100 us and 254 us, in turns with a child's 80 us and what it does then.
  const gaps = times.slice(1).map((time, i) => time - times[i]!);
  for (const gap of gaps) assert.ok(gap > 354_000 && gap < 650_000, `${gaps}`);
});

test('samples wake RCU in 6.1 alone', () => {
  const wakesOfRcu = (samplesWakeRcu: boolean) => {
    const { marks, wakes } = run(1, { cpu: 2, setUpNs: 15_000_000 }, 'kernel-lab', SAMPLED, samplesWakeRcu);
    const [from, to] = [marks.get('labgen start')! + 50_000_000, marks.get('labgen end')!];
    return wakes.filter(({ comm, timeNs }) => comm === 'rcu_preempt' && timeNs > from && timeNs < to).length;
  };
  assert.ok(wakesOfRcu(true) > 20);
  assert.equal(wakesOfRcu(false), 0);
});
