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
