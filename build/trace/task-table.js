/**
 * Tasks of a recording, by pid, and what they are called as it goes on.
 *
 * A recording tells the name of a task in passing, with most events about it. The first name told is the task's comm; a
 * different one later means that it has been renamed at some time in between, which is told as a RENAME event at the
 * moment the new name is first seen (so never too early). A pid that is forked again is a new task.
 *
 * A name from elsewhere (the column of the running task, which trace-cmd fills in afterwards with the last name known) is
 * only used until an event tells one.
 */
import { IDLE_TASK } from "./events.js";
import { MAX_COMM } from "./text-scanner.js";
import { decodeUtf8 } from "./utf8.js";
/** The kernel's own limit on amd64; pids are below it. */
const PID_LIMIT = 4194304;
const NAME_STRIDE = 16;
export class TaskTable {
    tasks = [];
    strings = [];
    /** Name of each task in the column of the running task, where it had one. */
    columnComms = [];
    #kindOf;
    #stringIds = new Map();
    /** Task of each pid, plus 2; 0 for a pid not seen. */
    #byPid = new Int32Array(4096);
    /** Bytes of the present name of each task, and their number; NAME_STRIDE: told by no event so far. */
    #names = new Uint8Array(64 * NAME_STRIDE);
    #lengths = new Uint8Array(64);
    constructor(kindOf = () => '') {
        this.#kindOf = kindOf;
        this.#byPid[0] = IDLE_TASK + 2;
    }
    /** The task of a pid, which is made if there is none; undefined for what is no pid. */
    task(pid) {
        if (pid >= 0 && pid < this.#byPid.length) {
            const known = this.#byPid[pid];
            if (known !== 0)
                return known - 2;
        }
        return this.add(pid);
    }
    /** A new task of that pid, whether there has been one or not. */
    add(pid) {
        if (!(pid > 0 && pid < PID_LIMIT))
            return pid === 0 ? IDLE_TASK : undefined;
        const task = this.tasks.push({ pid, comm: '', kind: this.#kindOf(pid, ''), kthread: false }) - 1;
        this.columnComms.push(undefined);
        if (pid >= this.#byPid.length) {
            const byPid = new Int32Array(Math.min(PID_LIMIT, 2 * pid));
            byPid.set(this.#byPid);
            this.#byPid = byPid;
        }
        this.#byPid[pid] = task + 2;
        if (task >= this.#lengths.length) {
            const lengths = new Uint8Array(2 * task);
            const names = new Uint8Array(2 * task * NAME_STRIDE);
            lengths.set(this.#lengths);
            names.set(this.#names);
            this.#lengths = lengths;
            this.#names = names;
        }
        this.#lengths[task] = NAME_STRIDE;
        return task;
    }
    /** What the column of the running task says, where nothing better is known yet. */
    suggest(task, bytes, from, to) {
        if (task < 0 || this.columnComms[task] !== undefined)
            return;
        const comm = decodeUtf8(bytes, from, to);
        this.columnComms[task] = comm;
        if (this.#lengths[task] === NAME_STRIDE)
            this.#name(task, comm);
    }
    /**
     * An event tells the name of the task. The index of the name in `strings` if the task has been renamed since the last
     * time, else -1. Names longer than a task's can be are not believed.
     */
    observe(task, bytes, from, to) {
        const length = to - from;
        if (task < 0 || length > MAX_COMM)
            return -1;
        const names = this.#names;
        const at = task * NAME_STRIDE;
        const known = this.#lengths[task];
        if (known === length) {
            let i = 0;
            while (i < length && names[at + i] === bytes[from + i])
                i++;
            if (i === length)
                return -1;
        }
        for (let i = 0; i < length; i++)
            names[at + i] = bytes[from + i];
        this.#lengths[task] = length;
        const comm = decodeUtf8(bytes, from, to);
        if (known !== NAME_STRIDE)
            return this.string(comm);
        this.#name(task, comm);
        return -1;
    }
    string(text) {
        let id = this.#stringIds.get(text);
        if (id === undefined) {
            id = this.strings.push(text) - 1;
            this.#stringIds.set(text, id);
        }
        return id;
    }
    #name(task, comm) {
        const entry = this.tasks[task];
        entry.comm = comm;
        entry.kind = this.#kindOf(entry.pid, comm);
        entry.kthread = isKthreadName(comm);
    }
}
/** Whether a task of this name is most likely a kernel thread; recordings of switches do not tell. */
export function isKthreadName(comm) {
    return KTHREADS.test(comm);
}
const KTHREADS = /^(kworker|migration|ksoftirqd|cpuhp|idle_inject|irq|jbd2|scsi_eh_\d|xfs)[/-]|^(kthreadd|rcu_\w+|rcu[bocpgs]+\/.*|kswapd\d*|kcompactd\d*|khugepaged|ksmd|kdevtmpfs|kauditd|oom_reaper|writeback|khungtaskd|watchdogd|kintegrityd|kblockd|pool_workqueue_.*)$/;
