/** The three open questions of pushing: who pays, pile-up, which idle CPUs are visible. @spec 21 §5 */
import { percent, type Row, rounded, type Study } from '../study.ts';

const BASE = 'linux-6.1,costs=milan,idle_governor=menu';
/** Newidle balance as it is; without it below NUMA; and pushing in its place, in one way and with one thing different. */
const OFF = `${BASE},newidle=off`;
const PUSH = `${OFF},push=on,push.scan_max=8`;
const BEST = `${PUSH},push.claim=token,idle.tracking=all_llc`;

interface Case {
  readonly question: string;
  readonly variant: string;
  readonly policy: string;
}

const CASES: readonly Case[] = [
  { question: 'without', variant: 'newidle=full', policy: BASE },
  { question: 'without', variant: 'newidle=off', policy: OFF },
  { question: 'without', variant: 'newidle=pull_one', policy: `${BASE},newidle=pull_one` },
  { question: 'who pays', variant: 'callback', policy: BEST },
  { question: 'who pays', variant: 'callback_double', policy: `${BEST},push.executor=callback_double` },
  { question: 'who pays', variant: 'ipi_pull', policy: `${BEST},push.executor=ipi_pull` },
  { question: 'who pays', variant: 'ipi_pull_batch', policy: `${BEST},push.executor=ipi_pull_batch` },
  { question: 'who pays', variant: 'stopper', policy: `${BEST},push.executor=stopper` },
  { question: 'pile-up', variant: 'none', policy: `${BEST},push.claim=none` },
  { question: 'pile-up', variant: 'cursor', policy: `${BEST},push.claim=cursor` },
  { question: 'pile-up', variant: 'clear_bit', policy: `${BEST},push.claim=clear_bit` },
  { question: 'pile-up', variant: 'pending', policy: `${BEST},push.claim=pending` },
  { question: 'visible', variant: 'nohz_global', policy: `${BEST},idle.tracking=nohz_global` },
  { question: 'visible', variant: 'nohz_llc', policy: `${BEST},idle.tracking=nohz_llc` },
  { question: 'visible', variant: 'all_llc_lazy', policy: `${BEST},idle.tracking=all_llc_lazy` },
  { question: 'visible', variant: 'all_sharded', policy: `${BEST},idle.tracking=all_sharded` },
];

/** 32 CPUs, as so many LLCs. */
const LLCS = [1, 2, 8, 16];
const CPUS = 32;

export const study: Study = {
  columns: [
    { key: 'llcs', title: 'LLCs' },
    { key: 'question', title: 'question' },
    { key: 'variant', title: 'variant' },
    { key: 'makespanPercent', title: 'time against newidle=full, %' },
    { key: 'pushes', title: 'pushes' },
    { key: 'busyUs', title: 'busy CPU per push, us' },
    { key: 'idleUs', title: 'idle CPU per push, us' },
    { key: 'latencyUs', title: 'push to run, us' },
    { key: 'missPercent', title: 'misses, % of pushes' },
    { key: 'pileupPercent', title: 'pile-up, % of pushes' },
  ],
  runs: LLCS.map((llcs) => ({
    name: `${llcs}`,
    scenario: 'hackbench.yaml',
    machine: `numa:1 l3:${llcs} core:${CPUS / llcs} pu:1`,
    policies: CASES.map(({ policy }) => policy),
  })),
  rows: (results) =>
    LLCS.flatMap((llcs) =>
      CASES.map(({ question, variant, policy }): Row => {
        const base = results.of(`${llcs}`, BASE).mean('makespan_ms.all');
        const runs = results.of(`${llcs}`, policy);
        const row = { llcs, question, variant, makespanPercent: percent(runs.mean('makespan_ms.all') / base) };
        if (!policy.includes('push=on')) return row;
        const pushes = runs.mean('push.pushes');
        const each = (figure: string) => rounded((1000 * runs.mean(figure)) / pushes);
        return {
          ...row,
          pushes: rounded(pushes),
          busyUs: each('push.work_busy_ms'),
          idleUs: each('push.work_idle_ms'),
          latencyUs: rounded((1000 * runs.mean('push.run_latency_ms')) / runs.mean('push.ran')),
          missPercent: rounded((100 * runs.mean('push.misses')) / pushes),
          pileupPercent: rounded((100 * runs.mean('push.pileups')) / pushes),
        };
      }),
    ),
};
