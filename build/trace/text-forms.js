/**
 * Arguments of events that are not, or not only, `key=value`: switches, wakeups, execs, markers, renamings.
 *
 *   sched_switch   prev:7 [120] S ==> next:8 [120]                              trace-cmd
 *                  prev_comm=prev prev_pid=7 prev_prio=120 prev_state=S ==> next_comm=next next_pid=8 next_prio=120
 *   sched_wakeup   comm:7 [120] CPU:003                                         trace-cmd; before the CPU maybe success=1
 *   exec           filename=/bin/x pid=7 old_pid=7
 *   print          0xffffffff811c36bd: text      tracing_mark_write: text       text
 *   task_rename    pid=7 oldcomm=a newcomm=b oom_score_adj=0
 *
 * Each method takes the arguments apart that begin at the scanner, leaves what it found in the fields, and says whether that
 * is what they were. A name is told by the places where it begins and ends. None looks at a byte more than a few times.
 */
import { parseState } from "./text-layout.js";
import { isDigit, MAX_COMM } from "./text-scanner.js";
import { decodeUtf8, encodeUtf8 } from "./utf8.js";
const SPACE = 32;
const SLASH = 47;
const ZERO = 48;
const COLON = 58;
const BRACKET = 91;
const BRACKET_END = 93;
const SMALL_X = 120;
/** The longest `[prio]` and pid that are looked at. */
const MAX_PRIO = 14;
const MAX_PID_DIGITS = 10;
const MAX_STATE = 16;
const UNKNOWN_STATE = -2;
const ARROW = encodeUtf8(' ==> ');
const PREV_COMM = encodeUtf8('prev_comm=');
const PREV_PID = encodeUtf8(' prev_pid=');
const PREV_PRIO = encodeUtf8(' prev_prio=');
const PREV_STATE = encodeUtf8(' prev_state=');
const NEXT_COMM = encodeUtf8('next_comm=');
const NEXT_PID = encodeUtf8(' next_pid=');
const NEXT_PRIO = encodeUtf8(' next_prio=');
const CPU = encodeUtf8(' CPU:');
const SUCCESS = encodeUtf8(' success=1');
const PID = encodeUtf8(' pid=');
const PID_FIRST = encodeUtf8('pid=');
const OLD_COMM = encodeUtf8(' oldcomm=');
const NEW_COMM = encodeUtf8(' newcomm=');
const OOM_SCORE = encodeUtf8(' oom_score_adj=');
const MARK_WRITE = encodeUtf8('tracing_mark_write: ');
export class TextForms {
    /** The task that the event is about; of a switch the one before. */
    task = { pid: 0, prio: 0, commStart: 0, commEnd: 0 };
    /** The next task of a switch; of a renaming, the new name. */
    other = { pid: 0, prio: 0, commStart: 0, commEnd: 0 };
    state = 0;
    cpu = 0;
    #s;
    /** States by their letter. */
    #states = new Int16Array(256).fill(UNKNOWN_STATE);
    constructor(scanner) {
        this.#s = scanner;
    }
    switch() {
        return (this.#s.looksAt(PREV_COMM) && this.#kernelSwitch()) || this.#traceCmdSwitch();
    }
    #traceCmdSwitch() {
        const s = this.#s;
        const from = s.at;
        for (let arrow = this.#find(ARROW, from); arrow >= 0; arrow = this.#find(ARROW, arrow + 1)) {
            let stateStart = arrow;
            while (stateStart > from && arrow - stateStart <= MAX_STATE && s.bytes[stateStart - 1] !== SPACE)
                stateStart--;
            this.state = this.#stateOf(stateStart, arrow);
            if (this.state < 0 || !this.#mention(from, stateStart - 1, this.task))
                continue;
            if (this.#mention(arrow + ARROW.length, s.end, this.other))
                return true;
        }
        return false;
    }
    #kernelSwitch() {
        const s = this.#s;
        const { task, other } = this;
        const start = s.at;
        s.at += PREV_COMM.length;
        task.commStart = s.at;
        task.commEnd = s.at = s.bareEnd(PREV_PID);
        task.pid = this.#keyed(PREV_PID);
        task.prio = this.#keyed(PREV_PRIO);
        if (!s.looksAt(PREV_STATE))
            s.failed = true;
        s.at += PREV_STATE.length;
        const stateStart = s.at;
        s.skipWord();
        this.state = this.#stateOf(stateStart, s.at);
        if (this.state < 0 || !s.looksAt(ARROW) || !s.looksAt(NEXT_COMM, s.at + ARROW.length))
            s.failed = true;
        s.at += ARROW.length + NEXT_COMM.length;
        other.commStart = s.at;
        other.commEnd = s.at = s.bareEnd(NEXT_PID);
        other.pid = this.#keyed(NEXT_PID);
        other.prio = this.#keyed(NEXT_PRIO);
        const ok = !s.failed;
        if (!ok)
            s.line(start, s.end);
        return ok;
    }
    /** The number after ` key=`. */
    #keyed(key) {
        const s = this.#s;
        if (!s.looksAt(key))
            s.failed = true;
        s.at += key.length;
        return s.decimal();
    }
    wakeup() {
        const s = this.#s;
        const from = s.at;
        let at = s.end;
        while (at > from && isDigit(s.bytes[at - 1]))
            at--;
        const cpuStart = at;
        at -= CPU.length;
        if (at <= from || !s.looksAt(CPU, at))
            return false;
        if (at - SUCCESS.length > from && s.looksAt(SUCCESS, at - SUCCESS.length))
            at -= SUCCESS.length;
        if (!this.#mention(from, at, this.task))
            return false;
        s.at = cpuStart;
        this.cpu = s.count();
        return !s.failed;
    }
    /** The task is called as the file is from now on. A file name may have anything in it, so it is read from the end. */
    exec() {
        const s = this.#s;
        const from = s.at;
        let at = s.end - PID.length;
        while (at > from && !s.looksAt(PID, at))
            at--;
        if (at <= from)
            return false;
        s.at = at + PID.length;
        this.task.pid = s.decimal();
        let base = at;
        while (base > from && s.bytes[base - 1] !== SLASH)
            base--;
        this.task.commStart = base;
        // without a slash we do not know where the name begins
        this.task.commEnd = base > from ? Math.min(at, base + MAX_COMM) : -1;
        return !s.failed;
    }
    /** Moves the scanner to the marker's own text. */
    skipToMarker() {
        const s = this.#s;
        const from = s.at;
        if (s.at + 2 < s.end && s.bytes[from] === ZERO && s.bytes[from + 1] === SMALL_X) {
            s.hex();
            s.byte(COLON);
            s.byte(SPACE);
            if (s.failed)
                s.line(from, s.end);
        }
        else if (s.looksAt(MARK_WRITE))
            s.at += MARK_WRITE.length;
    }
    rename() {
        const s = this.#s;
        if (!s.looksAt(PID_FIRST))
            return false;
        s.at += PID_FIRST.length;
        this.task.pid = s.decimal();
        if (s.failed || !s.looksAt(OLD_COMM))
            return false;
        const start = s.at + OLD_COMM.length;
        let at = Math.min(start + MAX_COMM, s.end);
        while (at >= start && !s.looksAt(NEW_COMM, at))
            at--;
        if (at < start)
            return false;
        this.task.commStart = start;
        this.task.commEnd = at;
        s.at = this.other.commStart = at + NEW_COMM.length;
        this.other.commEnd = s.bareEnd(OOM_SCORE);
        return !s.failed;
    }
    /** `name:pid [prio]` between the two places, read from its end, as only the name is free. */
    #mention(from, to, into) {
        const s = this.#s;
        const { bytes } = s;
        let at = to - 1;
        if (at < from || bytes[at] !== BRACKET_END)
            return false;
        while (at > from && to - at < MAX_PRIO && bytes[at] !== BRACKET)
            at--;
        const space = at - 1;
        let digits = space;
        while (digits > from && space - digits < MAX_PID_DIGITS && isDigit(bytes[digits - 1]))
            digits--;
        if (space <= from || bytes[space] !== SPACE || digits === space || bytes[digits - 1] !== COLON)
            return false;
        s.at = digits;
        s.failed = false;
        into.pid = s.count();
        s.at = at + 1;
        into.prio = s.decimal();
        into.commStart = from;
        into.commEnd = digits - 1;
        return !s.failed && s.at === to - 1 && into.commEnd - from <= MAX_COMM;
    }
    /** A state's value by its text, which has few forms; -1 if it is none. */
    #stateOf(from, to) {
        const { bytes } = this.#s;
        if (to - from === 1) {
            const known = this.#states[bytes[from]];
            if (known !== UNKNOWN_STATE)
                return known;
        }
        if (to - from > MAX_STATE || from >= to)
            return -1;
        const state = parseState(decodeUtf8(bytes, from, to));
        if (to - from === 1)
            this.#states[bytes[from]] = state;
        return state;
    }
    #find(needle, from) {
        for (let at = from; at + needle.length <= this.#s.end; at++)
            if (this.#s.looksAt(needle, at))
                return at;
        return -1;
    }
}
