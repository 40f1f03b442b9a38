/**
 * The kernel lab's figures (`lab-summary.ts`): names, units and what they are. They have the names of the records'
 * `summary.json`. `docs/figures.md` is made of this table, too.
 */
import { patternMatcher } from "./figure-catalogue.js";
export const LAB_FIGURES = [
    { pattern: 'window_ms', unit: 'ms', meaning: 'Length of the window.' },
    { pattern: 'tasks', unit: 'count', meaning: 'Tasks of the load.' },
    { pattern: 'switches', unit: 'count', meaning: 'Context switches.' },
    { pattern: 'migrations', unit: 'count', meaning: 'Migrations of tasks of the load.' },
    { pattern: 'migrations_per_task.{statistic}', unit: 'count', meaning: 'The same by task.' },
    {
        pattern: 'migrations_by_distance.{distance}',
        unit: 'count',
        meaning: 'The same by what the CPUs share; absent if there is none.',
    },
    {
        pattern: 'migrations_by_cause.{cause}',
        unit: 'count',
        meaning: 'The same by cause; a pull is level and idle type. Absent if there is none.',
    },
    {
        pattern: 'wasted_time_fraction',
        unit: 'ratio',
        meaning: 'Share of the window in which some CPU has nothing to run while another has two or more tasks of the load.',
    },
    {
        pattern: 'wasted_core_ms',
        unit: 'ms',
        meaning: 'The same, weighed with the number of CPUs that could have been used: the lesser of the CPUs with nothing to run and the tasks beyond the first of each CPU. Affinities are not looked at.',
    },
    {
        pattern: 'core_wasted_time_fraction',
        unit: 'ratio',
        meaning: 'As `wasted_time_fraction`, for a whole core with nothing to run while another has two or more; only where cores have several threads.',
    },
    {
        pattern: 'mean_spread',
        unit: 'tasks',
        meaning: 'Most minus fewest runnable tasks of the load on a CPU, averaged over time.',
    },
    { pattern: 'mean_llc_spread', unit: 'tasks', meaning: 'The same of last-level caches, where there are several.' },
    { pattern: 'mean_node_spread', unit: 'tasks', meaning: 'The same of nodes, where there are several.' },
    {
        pattern: 'ms_to_no_waste_10ms',
        unit: 'ms',
        meaning: 'From the start of the window until no time is wasted for 10 ms; null if never.',
    },
    {
        pattern: 'ms_to_balanced_10ms',
        unit: 'ms',
        meaning: 'Until the spread is at most 1 for 10 ms; null if never.',
    },
    { pattern: 'ms_to_cores_used_10ms', unit: 'ms', meaning: 'Until no core is wasted for 10 ms; null if never.' },
    { pattern: 'load_balance.{pass}.calls', unit: 'count', meaning: 'Balance passes, by level and idle type.' },
    { pattern: 'load_balance.{pass}.pulls', unit: 'count', meaning: 'Those that moved a task.' },
    { pattern: 'load_balance.{pass}.moved', unit: 'count', meaning: 'Tasks they moved.' },
    { pattern: 'newidle_calls', unit: 'count', meaning: 'Calls of newidle balance.' },
    {
        pattern: 'newidle_pulled',
        unit: 'count',
        meaning: 'Sum of its results; -1 (a task of another class came) is taken as it is.',
    },
    { pattern: 'share.{kind}.n', unit: 'count', meaning: 'Tasks of the kind.' },
    {
        pattern: 'share.{kind}.{statistic}',
        unit: 'ratio',
        meaning: 'CPU time of a task over the length of the window; `median` is the upper one of two, `sum` that of all tasks.',
    },
    { pattern: 'jain', unit: 'ratio', meaning: "Jain's index of the shares of all tasks; null if none ran." },
    { pattern: 'wake_latency_us.{kind}.n', unit: 'count', meaning: 'Wakeups.' },
    {
        pattern: 'wake_latency_us.{kind}.{quantile}',
        unit: 'us',
        meaning: 'From `sched_wakeup` to the switch; the quantiles are exact. Absent if there is none.',
    },
    {
        pattern: 'schedstat.{level}.{counter}',
        unit: 'count',
        meaning: 'Difference of a counter of /proc/schedstat over the whole repetition, summed over CPUs.',
    },
    { pattern: 'hackbench_s', unit: 's', meaning: 'The time that hackbench printed.' },
];
const MATCHERS = LAB_FIGURES.map(({ pattern }) => patternMatcher(pattern));
/** What the table says of a figure of the lab. */
export function labFigureSpec(name) {
    return LAB_FIGURES[MATCHERS.findIndex((matcher) => matcher.test(name))];
}
