/** What newidle balance is worth: the same loads without it, and nothing in its place. @spec 21 §3, check 12 */
import { percent, type Row, rounded, type Study } from '../study.ts';

const BASE = 'linux-6.1,costs=milan,idle_governor=menu';
const OFF = `${BASE},newidle=off`;

/** Each with fewer tasks than the 64 CPUs, about as many, and more. */
const LOADS: Readonly<Record<string, readonly string[]>> = {
  hackbench: [1, 2, 4].map((groups) => `hackbench:groups=${groups},loops=0`),
  tbench: [16, 32, 64].map((clients) => `tbench:clients=${clients}`),
  schbench: [16, 32, 64].map((workers) => `schbench:m=2,t=${workers},think=1ms`),
};
const WORKLOADS = Object.values(LOADS).flat();

export const study: Study = {
  columns: [
    { key: 'workload', title: 'load' },
    { key: 'basePerSecond', title: 'done a second' },
    { key: 'offPerSecond', title: 'without newidle balance' },
    { key: 'effectPercent', title: 'effect, %' },
    { key: 'pulledPerSecond', title: 'tasks it pulled a second' },
    { key: 'wastedRatio', title: 'wasted' },
    { key: 'offWastedRatio', title: 'wasted without' },
  ],
  runs: WORKLOADS.map((workload) => ({ name: workload, scenario: 'load.yaml', workload, policies: [BASE, OFF] })),
  rows: (results) =>
    WORKLOADS.map((workload): Row => {
      const [base, off] = [results.of(workload, BASE), results.of(workload, OFF)];
      const effect = percent(off.mean('throughput.all') / base.mean('throughput.all') - 1);
      const pulled = base.mean('newidle_pulled');
      return {
        workload,
        basePerSecond: rounded(base.mean('throughput.all')),
        offPerSecond: rounded(off.mean('throughput.all')),
        effectPercent: effect,
        pulledPerSecond: rounded((1000 * pulled) / base.mean('window_ms')),
        wastedRatio: rounded(base.mean('wasted_ratio'), 2),
        offWastedRatio: rounded(off.mean('wasted_ratio'), 2),
        miss: missOf(workload, effect, pulled),
      };
    }),
};

function missOf(workload: string, effect: number | null, pulled: number): string | null {
  if (pulled === 0) {
    return (
      `${workload}: check 12: newidle balance pulls nothing, so what differs is not its work: of a client and its server one is ` +
      'runnable, and its wakeup has found an idle CPU if there is one'
    );
  }
  if (effect !== null && effect < 0) return null;
  return `${workload}: check 12: not lower; wakeups find most of the idle CPUs`;
}
