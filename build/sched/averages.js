/**
 * PELT state of everything that has one. What one update works on lies together, a row per average; the averages, which
 * others read and scan, are columns. @spec 03 §1
 *
 *   rows: the runqueues (by cfs_rq), RT and DL of each CPU, the entities (by entity)
 */
import { MAX_CFS_RQS, MAX_CPUS, MAX_TASKS } from "./columns.js";
/** First row of RT, of DL, of entities. */
export const AVG_RT = MAX_CFS_RQS;
export const AVG_DL = AVG_RT + MAX_CPUS;
export const AVG_SE = AVG_DL + MAX_CPUS;
/** Fields of a row of `sums`. */
export const LAST_UPDATE = 0;
export const LOAD_SUM = 1;
export const RUNNABLE_SUM = 2;
export const UTIL_SUM = 3;
export const PERIOD_CONTRIB = 4;
/** Length of a row: a cache line. */
export const SUM_ROW = 8;
const ROWS = AVG_SE + MAX_TASKS + MAX_CFS_RQS;
export const sums = new Float64Array(ROWS * SUM_ROW);
export const loadAvg = new Float64Array(ROWS);
export const runnableAvg = new Float64Array(ROWS);
export const utilAvg = new Float64Array(ROWS);
/** The clock of the update being made: a number handed from function to function would be boxed each time. */
export const now = new Float64Array(1);
/** For the next simulation: clears the rows that may be in use. */
export function reset(nrCpus, nrCfsRqs, nrTasks) {
    clearRows(0, nrCfsRqs);
    clearRows(AVG_RT, nrCpus);
    clearRows(AVG_DL, nrCpus);
    clearRows(AVG_SE, nrTasks);
    clearRows(AVG_SE + MAX_TASKS, nrCfsRqs);
}
export function clearRows(from, count) {
    sums.fill(0, from * SUM_ROW, (from + count) * SUM_ROW);
    loadAvg.fill(0, from, from + count);
    runnableAvg.fill(0, from, from + count);
    utilAvg.fill(0, from, from + count);
}
export function lastUpdate(i) {
    return sums[i * SUM_ROW + LAST_UPDATE];
}
export function setLastUpdate(i, time) {
    sums[i * SUM_ROW + LAST_UPDATE] = time;
}
export function utilSum(i) {
    return sums[i * SUM_ROW + UTIL_SUM];
}
/** What an average is divided by. @spec 03 §4 */
export function divider(i) {
    return 46718 + sums[i * SUM_ROW + PERIOD_CONTRIB];
}
