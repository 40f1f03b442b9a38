export function run(work) {
    return { op: 'run', work };
}
export function sleep(time) {
    return { op: 'sleep', time, state: 'S' };
}
/** Sleep as a task does that waits for a disk. */
export function ioSleep(time) {
    return { op: 'sleep', time, state: 'D', io: true };
}
/** Wake as writing to a pipe or socket does: the waker is taken to be about to sleep. */
export function wakeSync(semaphore, count = 1) {
    return { op: 'wake', semaphore, count, sync: true };
}
/** Wake as a futex does. */
export function wake(semaphore, count = 1) {
    return { op: 'wake', semaphore, count, sync: false };
}
export function wait(semaphore) {
    return { op: 'wait', semaphore };
}
export function fork(kind, count) {
    return { op: 'fork', kind, count };
}
export const waitChildren = { op: 'waitChildren' };
/** A request begins: its clock runs from the wakeup that brought it. */
export const unitBegin = { op: 'unitBegin', sinceWake: true };
/** A request begins now. */
export const unitBeginNow = { op: 'unitBegin' };
/** A request is done, and its latency known. */
export const unitDone = { op: 'unitDone', units: 1, timed: true };
/** The body `count` times, 0: for ever. */
export function loop(count, ...body) {
    return count === 1 ? [...body] : [{ op: 'loop', count }, ...body, { op: 'end' }];
}
