/** Active balance by the stopper or by the balance callback: the benchmark its author had not done. @spec 21 §7, check 15 */
import { type PolicyRuns, type Row, rounded, type Study } from '../study.ts';

const STOPPER = 'linux-6.1,start_state=random,costs=icx';
const CALLBACK = `${STOPPER},active=callback`;
const OFF = `${STOPPER},active=off`;

const LOADS = [
  { name: 'hogs that share a core', scenario: 'smtpack.yaml' },
  { name: 'the same, and real-time tasks on it', scenario: 'rtmix.yaml' },
];
const WAYS = [
  { name: 'stopper', policy: STOPPER },
  { name: 'callback', policy: CALLBACK },
  { name: 'off', policy: OFF },
];
const FAILURES = ['running', 'not_fair', 'slept', 'moved', 'pinned', 'throttled'];

export const study: Study = {
  columns: [
    { key: 'load', title: 'load' },
    { key: 'active', title: 'active balance by' },
    { key: 'stops', title: 'stopper runs' },
    { key: 'rtPreempted', title: 'of a real-time task' },
    { key: 'notes', title: 'callbacks asked for' },
    { key: 'handovers', title: 'handed over' },
    { key: 'failed', title: 'failed' },
    { key: 'pending', title: 'never switched out' },
    { key: 'switches', title: 'context switches' },
  ],
  runs: LOADS.map(({ name, scenario }) => ({ name, scenario, policies: WAYS.map(({ policy }) => policy) })),
  rows: (results) =>
    LOADS.flatMap((load) =>
      WAYS.map(({ name, policy }): Row => {
        const runs = results.of(load.name, policy);
        const count = (figure: string) => rounded(runs.mean(figure));
        const byCallback = name === 'callback';
        const failures = byCallback
          ? FAILURES.map((why) => ({ why, n: runs.mean(`active.failed_${why}`) })).filter(({ n }) => n > 0)
          : [];
        return {
          load: load.name,
          active: name,
          stops: name === 'stopper' ? count('active.stops') : 0,
          rtPreempted: name === 'stopper' ? count('active.rt_preempted') : 0,
          notes: byCallback ? count('active.notes') : '',
          handovers: byCallback ? count('active.handovers') : '',
          failed: byCallback ? failures.map(({ why, n }) => `${rounded(n)} ${why}`).join(', ') || 0 : '',
          pending: byCallback ? rounded(pendingOf(runs, failures)) : '',
          switches: rounded(runs.mean('switches'), 5),
        };
      }),
    ),
};

/** Asked for, and neither handed over nor failed when the run ended: the task had not been switched out. */
function pendingOf(runs: PolicyRuns, failures: readonly { readonly n: number }[]): number {
  const failed = failures.reduce((sum, { n }) => sum + n, 0);
  return runs.mean('active.notes') - runs.mean('active.handovers') - failed;
}
