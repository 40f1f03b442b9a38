/**
 * Linux 4.20, the base of the task stealing series, as far as it decides here: no newidle balance below the migration cost,
 * nor at random, and wakeups search as SIS_PROP lets them. @spec 20 §7.6
 */
export const LINUX_4_20 = [
  'linux-6.1',
  'newidle.gate=migration_cost',
  'NO_NI_RANDOM',
  'NO_SIS_UTIL',
  'SIS_PROP',
  'sis_prop_fuzz=512',
].join(',');

/** The base of the hackbench tables, with the author's wakeup granularity of 15 ms: 3750 us before scaling by CPUs. */
export const HACKBENCH_BASE = [
  LINUX_4_20,
  'wakeup_granularity=3750us',
  'idle_governor=menu',
  // Seeds differ in the phases of ticks and domains; hackbench itself draws no random numbers.
  'start_state=random',
  'costs=bdw18',
  // Fitted to CPU time a message of the base with one group, 3.03 us, and to nothing else.
  'cost.smt_factor=1',
  'cost.working_set=128kb',
].join(',');
