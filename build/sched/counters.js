/** Counters of the cpu lines of /proc/schedstat; one row a CPU. @spec 09 §1 */
import { ColumnSet, MAX_CPUS } from "./columns.js";
const columns = new ColumnSet(MAX_CPUS);
/** For the next simulation. */
export function reset(rows) {
    columns.reset(rows);
}
export const yld = columns.f64();
export const sched = columns.f64();
export const goidle = columns.f64();
export const ttwu = columns.f64();
export const ttwuLocal = columns.f64();
export const rqCpuTime = columns.f64();
export const runDelay = columns.f64();
export const pcount = columns.f64();
export const switches = columns.f64();
