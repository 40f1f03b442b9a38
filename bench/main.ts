/**
 * The benchmark: `npm run bench`. Prints tables; keeps nothing and asserts nothing (bench/README.md has the figures of a
 * run). Every case is a process of its own; CPU time is measured, and ratios are to a reference run in turn.
 *
 *   npm run bench                 all tables
 *   npm run bench -- --quick      shorter runs, for continuous integration
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CaseResult } from './case.ts';

const quick = process.argv.includes('--quick');
/** Each pair is measured so often, and the median taken. */
const REPEATS = quick ? 1 : 3;
const CASE = fileURLToPath(new URL('case.ts', import.meta.url));
const MINISIM_SOURCE = fileURLToPath(new URL('../../shared/bench/minisim.cpp', import.meta.url));

interface Size {
  readonly cpus: number;
  readonly tasks: number;
  /** Simulated seconds. */
  readonly seconds: number;
}

const SIZES: readonly Size[] = [
  { cpus: 8, tasks: 32, seconds: 300 },
  { cpus: 64, tasks: 256, seconds: 40 },
  { cpus: 64, tasks: 64, seconds: 80 },
  { cpus: 256, tasks: 1024, seconds: 10 },
  { cpus: 256, tasks: 256, seconds: 20 },
];
/** What we want to reach of minisim's speed, by CPUs and tasks. */
const TARGETS: Readonly<Record<string, number>> = {
  '8x32': 0.12,
  '64x256': 0.16,
  '64x64': 0.2,
  '256x1024': 0.15,
  '256x256': 0.1,
};

const folder = mkdtempSync(join(tmpdir(), 'steelyard-bench-'));
try {
  const minisim = buildMinisim();
  equalWork(minisim);
  machineSize();
  hackbench();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** The reference at equal work, on one LLC and on the EPYC. */
function equalWork(minisim: string | null): void {
  console.log('Tasks that run 1-8 ms and sleep 1-8 ms, HZ 1000, no costs, recording off');
  console.log(row('machine', 'CPUs', 'tasks', 'sim s/s', 'Mevents/s', 'ns/event', 'minisim s/s', 'ratio', 'wanted'));
  for (const machine of ['flat', 'epyc-7763']) {
    for (const { cpus, tasks, seconds } of SIZES) {
      if (machine !== 'flat' && cpus !== 256) continue;
      const name = machine === 'flat' ? `flat:${cpus}` : machine;
      const length = quick ? seconds / 3 : seconds;
      const pairs = Array.from({ length: REPEATS }, () => ({
        ours: measure(name, `runsleep:n=${tasks}`, length),
        theirs: minisim === null ? null : minisimSpeed(minisim, cpus, tasks, length),
      }));
      const { ours, theirs } = median(pairs, (pair) => pair.ours.cpuSeconds);
      const speed = ours.simulatedNs / 1e9 / ours.cpuSeconds;
      console.log(
        row(
          name,
          cpus,
          tasks,
          speed.toFixed(2),
          (ours.events / ours.cpuSeconds / 1e6).toFixed(2),
          ((ours.cpuSeconds * 1e9) / ours.events).toFixed(0),
          theirs === null ? '-' : theirs.toFixed(1),
          theirs === null ? '-' : (speed / theirs).toFixed(3),
          String(TARGETS[`${cpus}x${tasks}`] ?? ''),
        ),
      );
    }
  }
  if (minisim === null) console.log('(no minisim: it needs g++ and the reference sources)');
}

/** Does an event cost more on a larger machine? */
function machineSize(): void {
  console.log('\nCost of an event by size of the machine (one LLC; four tasks a CPU, or 0.7 busy)');
  console.log(row('load', 'CPUs', 'sim s/s', 'Mevents/s', 'ns/event', 'to 8 CPUs', 'heap MiB', 'rss MiB'));
  const loads: readonly [string, (cpus: number) => string][] = [
    ['hogs', (cpus) => `hogs:n=${4 * cpus}`],
    ['run/sleep', (cpus) => `runsleep:n=${4 * cpus}`],
    ['periodic', (cpus) => `periodic:n=${cpus},run=7ms,period=10ms`],
  ];
  for (const [load, spec] of loads) {
    let first = 0;
    for (const cpus of [8, 64, 256, 1024]) {
      const seconds = (quick ? 1200 : 4800) / cpus;
      const r = median(
        Array.from({ length: REPEATS }, () => measure(`flat:${cpus}`, spec(cpus), seconds)),
        (result) => result.cpuSeconds,
      );
      const cost = (r.cpuSeconds * 1e9) / r.events;
      first ||= cost;
      console.log(
        row(
          load,
          cpus,
          (r.simulatedNs / 1e9 / r.cpuSeconds).toFixed(2),
          (r.events / r.cpuSeconds / 1e6).toFixed(2),
          cost.toFixed(0),
          (cost / first).toFixed(2),
          r.heapMib.toFixed(0),
          r.rssMib.toFixed(0),
        ),
      );
    }
  }
}

function hackbench(): void {
  console.log('\nhackbench, 10 groups of 40 tasks, one LLC');
  console.log(row('CPUs', 'sim s/s', 'Mevents/s', 'ns/event'));
  for (const cpus of [8, 64, 256, 1024]) {
    const r = measure(`flat:${cpus}`, 'hackbench:groups=10,loops=100000', quick ? 0.2 : 1);
    console.log(
      row(
        cpus,
        (r.simulatedNs / 1e9 / r.cpuSeconds).toFixed(3),
        (r.events / r.cpuSeconds / 1e6).toFixed(2),
        ((r.cpuSeconds * 1e9) / r.events).toFixed(0),
      ),
    );
  }
}

function measure(machine: string, workload: string, seconds: number): CaseResult {
  const args = [machine, workload, 'linux-6.1,hz=1000', String(seconds)];
  return JSON.parse(execFileSync(process.execPath, ['--import', 'tsx', CASE, ...args], { encoding: 'utf8' }));
}

/** Path of the reference program, or null where it cannot be built. */
function buildMinisim(): string | null {
  if (!existsSync(MINISIM_SOURCE)) return null;
  const program = join(folder, 'minisim');
  try {
    execFileSync('g++', ['-O2', '-o', program, MINISIM_SOURCE], { stdio: 'ignore' });
    return program;
  } catch {
    return null;
  }
}

/** Simulated seconds per second of CPU time. */
function minisimSpeed(program: string, cpus: number, tasks: number, seconds: number): number {
  const args = ['--cpus', cpus, '--tasks', tasks, '--seconds', seconds, '--hz', 1000].map(String);
  return Number(/ratio=([\d.]+)/.exec(execFileSync(program, args, { encoding: 'utf8' }))?.[1]);
}

function median<T>(items: readonly T[], by: (item: T) => number): T {
  return [...items].sort((a, b) => by(a) - by(b))[items.length >> 1]!;
}

function row(...cells: readonly (string | number)[]): string {
  return cells.map((cell, i) => (i === 0 ? String(cell).padEnd(10) : String(cell).padStart(11))).join(' ');
}
