/** Numbers of events in FtraceEvent. */
export const Ftrace = {
    SCHED_SWITCH: 4,
    PRINT: 3,
    SCHED_WAKEUP: 17,
    SCHED_WAKING: 20,
    SOFTIRQ_ENTRY: 24,
    SOFTIRQ_EXIT: 25,
    SOFTIRQ_RAISE: 26,
    SCHED_WAKEUP_NEW: 114,
    TASK_NEWTASK: 235,
    TASK_RENAME: 236,
    SCHED_PROCESS_EXEC: 237,
    SCHED_PROCESS_EXIT: 238,
    SCHED_PROCESS_FORK: 239,
    SCHED_MIGRATE_TASK: 491,
};
export function writeSwitch(w, pbf) {
    pbf.writeStringField(1, w.comm);
    pbf.writeVarintField(2, w.pid);
    pbf.writeVarintField(3, w.prio);
    pbf.writeVarintField(4, w.a);
    pbf.writeStringField(5, w.otherComm);
    pbf.writeVarintField(6, w.otherPid);
    pbf.writeVarintField(7, w.otherPrio);
}
export function writeWakeup(w, pbf) {
    pbf.writeStringField(1, w.comm);
    pbf.writeVarintField(2, w.pid);
    pbf.writeVarintField(3, w.prio);
    pbf.writeVarintField(5, w.a);
}
export function writeMigrate(w, pbf) {
    pbf.writeStringField(1, w.comm);
    pbf.writeVarintField(2, w.pid);
    pbf.writeVarintField(3, w.prio);
    pbf.writeVarintField(4, w.a);
    pbf.writeVarintField(5, w.b);
}
export function writeFork(w, pbf) {
    pbf.writeStringField(1, w.comm);
    pbf.writeVarintField(2, w.pid);
    pbf.writeStringField(3, w.otherComm);
    pbf.writeVarintField(4, w.otherPid);
}
/** No clone flags: a process of its own. */
export function writeNewtask(w, pbf) {
    pbf.writeVarintField(1, w.otherPid);
    pbf.writeStringField(2, w.otherComm);
    pbf.writeVarintField(3, 0);
}
export function writeExec(w, pbf) {
    pbf.writeStringField(1, `/bin/${w.comm}`);
    pbf.writeVarintField(2, w.pid);
    pbf.writeVarintField(3, w.pid);
}
export function writeExit(w, pbf) {
    pbf.writeStringField(1, w.comm);
    pbf.writeVarintField(2, w.pid);
    pbf.writeVarintField(3, w.pid);
    pbf.writeVarintField(4, w.prio);
}
export function writeRename(w, pbf) {
    pbf.writeVarintField(1, w.pid);
    pbf.writeStringField(2, w.comm);
    pbf.writeStringField(3, w.otherComm);
}
export function writeSoftirq(w, pbf) {
    pbf.writeVarintField(1, w.a);
}
export function writePrint(w, pbf) {
    pbf.writeStringField(2, w.comm);
}
