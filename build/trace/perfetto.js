import { Ev, IDLE_TASK, MIGRATE_CAUSES, NOT_OBSERVED } from "./events.js";
import { Ftrace, writeExec, writeExit, writeFork, writeMigrate, writeNewtask, writePrint, writeRename, writeSoftirq, writeSwitch, writeWakeup, } from "./perfetto-ftrace.js";
import { PerfettoPackets, Slice } from "./perfetto-packets.js";
import { RunnableTasks } from "./runnable.js";
import { dialectOf, textLevelName } from "./text-layout.js";
/** Our tracks: numbers that others are unlikely to use. */
const ROOT_TRACK = 0x7374_6579_6c00;
const MARKER_TRACK = ROOT_TRACK + 1;
const BALANCE_TRACKS = ROOT_TRACK + 0x10000;
const COUNTER_TRACKS = ROOT_TRACK + 0x20000;
const KTHREADD = 2;
const IDLE_TYPES = ['idle', 'busy', 'newidle'];
const MIGRATION_TYPES = ['load', 'util', 'task', 'misfit'];
/** What the flags of a pass mean, by bit. @spec 06 §1 */
const PASS_FLAGS = ['all pinned', 'need break', 'destination pinned', 'some pinned', 'active balance'];
export class PerfettoWriter {
    #write;
    #options;
    #packets = new PerfettoPackets(() => { }, 0);
    #tables = null;
    #dialect = { busyIsZero: false, dieIsPkg: false };
    #current = new Int32Array(0);
    #open = [];
    #runnable = null;
    /** Tasks that Perfetto has been told of. */
    #known = new Set();
    #kthreaddKnown = false;
    #renamed = [];
    #nextFlow = 1;
    #nowNs = 0;
    #w = { comm: '', pid: 0, prio: 0, a: 0, b: 0, otherComm: '', otherPid: 0, otherPrio: 0 };
    constructor(write, options = {}) {
        this.#write = write;
        this.#options = options;
    }
    begin(tables, startNs) {
        const { nrCpus, online } = tables.topology;
        const packets = new PerfettoPackets(this.#write, nrCpus);
        this.#packets = packets;
        this.#tables = tables;
        this.#dialect = dialectOf(tables.source);
        this.#nowNs = startNs;
        this.#current = Int32Array.from({ length: nrCpus }, (_, cpu) => tables.initialCurrent?.[cpu] ?? IDLE_TASK);
        this.#open = Array.from({ length: nrCpus }, () => []);
        packets.clock(startNs);
        packets.system(/linux(?:-| version )(\d\S*)/i.exec(tables.source)?.[1] ?? '6.1.0', nrCpus);
        const nrRunning = this.#options.nrRunning !== false;
        packets.track(ROOT_TRACK, 'Load balancing', {});
        packets.track(MARKER_TRACK, 'Markers', { parent: ROOT_TRACK, rank: 0 });
        for (let cpu = 0; cpu < nrCpus; cpu++) {
            if (online[cpu] === 0)
                continue;
            packets.track(BALANCE_TRACKS + cpu, `CPU ${cpu} balance`, { parent: ROOT_TRACK, rank: 1 + cpu });
            if (!nrRunning)
                continue;
            packets.track(COUNTER_TRACKS + cpu, `CPU ${cpu} nr_running`, {
                parent: ROOT_TRACK,
                rank: 1 + nrCpus + cpu,
                counter: true,
            });
        }
        for (const task of this.#current)
            this.#introduce(task);
        if (nrRunning) {
            const runnable = new RunnableTasks(tables, (cpu) => {
                packets.counter(this.#nowNs, COUNTER_TRACKS + cpu, runnable.nr[cpu]);
            });
            this.#runnable = runnable;
            for (let cpu = 0; cpu < nrCpus; cpu++) {
                if (online[cpu] !== 0)
                    packets.counter(startNs, COUNTER_TRACKS + cpu, runnable.nr[cpu]);
            }
        }
    }
    event(kind, timeNs, cpu, task, args) {
        this.#nowNs = timeNs;
        this.#kernelEvent(kind, timeNs, cpu, task, args);
        this.#balanceEvent(kind, timeNs, cpu, task, args);
        this.#runnable?.event(kind, cpu, task, args);
    }
    end(endNs) {
        for (let cpu = 0; cpu < this.#open.length; cpu++) {
            while (this.#open[cpu].length > 0)
                this.#close(cpu, endNs, [['unfinished', true]]);
        }
        this.#packets.end();
    }
    /** Events that ftrace has as well, which Perfetto knows how to show. */
    #kernelEvent(kind, timeNs, cpu, task, args) {
        switch (kind) {
            case Ev.SCHED_SWITCH: {
                const next = args[0];
                this.#introduce(next);
                const w = this.#about(task, cpu);
                w.prio = args[2];
                w.a = args[1];
                w.otherComm = this.#comm(next, cpu);
                w.otherPid = this.#pid(next);
                w.otherPrio = args[3];
                this.#ftrace(cpu, timeNs, Ftrace.SCHED_SWITCH, writeSwitch);
                this.#current[cpu] = next;
                break;
            }
            case Ev.SCHED_WAKING:
                this.#wakeup(cpu, timeNs, task, Ftrace.SCHED_WAKING, args);
                break;
            case Ev.SCHED_WAKEUP:
                this.#wakeup(cpu, timeNs, task, Ftrace.SCHED_WAKEUP, args);
                break;
            case Ev.SCHED_WAKEUP_NEW:
                this.#wakeup(cpu, timeNs, task, Ftrace.SCHED_WAKEUP_NEW, args);
                break;
            case Ev.SCHED_MIGRATE_TASK: {
                const w = this.#about(task, cpu);
                w.prio = args[2];
                w.a = args[0];
                w.b = args[1];
                this.#ftrace(cpu, timeNs, Ftrace.SCHED_MIGRATE_TASK, writeMigrate);
                break;
            }
            case Ev.SCHED_PROCESS_FORK: {
                const child = args[0];
                this.#known.add(child);
                const w = this.#about(task, cpu);
                w.otherComm = this.#comm(child, cpu);
                w.otherPid = this.#pid(child);
                this.#ftrace(cpu, timeNs, Ftrace.TASK_NEWTASK, writeNewtask);
                this.#ftrace(cpu, timeNs, Ftrace.SCHED_PROCESS_FORK, writeFork);
                break;
            }
            case Ev.SCHED_PROCESS_EXEC:
                this.#about(task, cpu);
                this.#ftrace(cpu, timeNs, Ftrace.SCHED_PROCESS_EXEC, writeExec);
                break;
            case Ev.SCHED_PROCESS_EXIT:
                this.#about(task, cpu).prio = args[0];
                this.#ftrace(cpu, timeNs, Ftrace.SCHED_PROCESS_EXIT, writeExit);
                break;
            case Ev.RENAME: {
                const w = this.#about(task, cpu);
                w.otherComm = this.#tables.strings[args[0]] ?? '';
                this.#ftrace(cpu, timeNs, Ftrace.TASK_RENAME, writeRename);
                this.#renamed[task] = w.otherComm;
                break;
            }
            case Ev.SOFTIRQ_RAISE:
                this.#softirq(cpu, timeNs, Ftrace.SOFTIRQ_RAISE, args);
                break;
            case Ev.SOFTIRQ_ENTRY:
                this.#softirq(cpu, timeNs, Ftrace.SOFTIRQ_ENTRY, args);
                break;
            case Ev.SOFTIRQ_EXIT:
                this.#softirq(cpu, timeNs, Ftrace.SOFTIRQ_EXIT, args);
                break;
            case Ev.PRINT:
                this.#w.comm = this.#tables.strings[args[0]] ?? '';
                this.#ftrace(cpu, timeNs, Ftrace.PRINT, writePrint);
                break;
            case Ev.LOST_EVENTS:
                this.#packets.lostEvents(cpu);
                break;
        }
    }
    /** Events that go on our own tracks. */
    #balanceEvent(kind, timeNs, cpu, task, args) {
        const pass = this.#open[cpu].at(-1);
        switch (kind) {
            case Ev.NEWIDLE:
                this.#begin(cpu, timeNs, 'newidle', 'newidle', [
                    ['nr', args[1]],
                    ['avg_idle', args[2]],
                    ['max_cost', args[3]],
                ]);
                break;
            case Ev.NEWIDLE_RET:
                this.#end(cpu, timeNs, 'newidle', [['pulled', args[0]]]);
                break;
            case Ev.LB_ENTER:
                this.#begin(cpu, timeNs, 'pass', this.#passName(args[1], args[2]), [
                    ['dst_cpu', args[0]],
                    ['domain', textLevelName(args[1], this.#dialect)],
                    ['idle_type', IDLE_TYPES[args[2]] ?? '?'],
                    ['nr_running', args[3]],
                    ['balance_interval', args[4]],
                    ['nr_balance_failed', args[6]],
                ]);
                break;
            case Ev.LB_BUSIEST:
                if (pass?.kind === 'pass')
                    this.#busiest(pass, args);
                break;
            case Ev.CAN_MIGRATE_RET:
                if (pass?.kind === 'pass') {
                    if (args[0] === 0)
                        pass.refused++;
                    else
                        pass.allowed++;
                }
                break;
            case Ev.LB_LEAVE:
                this.#leave(cpu, timeNs, args);
                break;
            case Ev.ACTIVE_BALANCE:
                this.#instant(BALANCE_TRACKS + cpu, timeNs, 'active balance', 'load_balance', [
                    ['busiest_cpu', args[0]],
                    ['push_cpu', args[2]],
                ]);
                break;
            case Ev.ILB_KICKED:
                this.#instant(BALANCE_TRACKS + cpu, timeNs, 'nohz kick', 'nohz', [['nr_running', args[1]]]);
                break;
            case Ev.NOHZ_IDLE_BALANCE:
                this.#instant(BALANCE_TRACKS + cpu, timeNs, 'nohz idle balance', 'nohz', [['flags', args[1]]]);
                break;
            case Ev.SCHED_MIGRATE_TASK:
                this.#migration(timeNs, cpu, task, args);
                break;
            case Ev.PRINT:
                this.#instant(MARKER_TRACK, timeNs, this.#tables.strings[args[0]] ?? '', 'marker', []);
                break;
            case Ev.LOST_EVENTS:
                this.#instant(BALANCE_TRACKS + cpu, timeNs, 'lost events', 'trace', observed([['count', args[0]]]));
                break;
        }
    }
    #passName(level, idleType) {
        return `${textLevelName(level, this.#dialect)} ${IDLE_TYPES[idleType] ?? '?'}`;
    }
    #busiest(pass, args) {
        if (args[3] === 0) {
            pass.busiest = 'balanced';
            return;
        }
        pass.busiest = 'found';
        const mask = `0x${args[5] === 0 ? '' : args[5].toString(16)}${args[4].toString(16).padStart(args[5] === 0 ? 1 : 8, '0')}`;
        pass.found = [
            ['busiest_group', mask],
            ['imbalance', args[6]],
            ['imbalance_type', MIGRATION_TYPES[args[7]] ?? '?'],
        ];
    }
    #leave(cpu, timeNs, args) {
        const pass = this.#open[cpu].findLast((slice) => slice.kind === 'pass');
        if (pass === undefined)
            return;
        const moved = args[3];
        const nothing = { unknown: 'nothing moved', balanced: 'balanced', found: 'failed' }[pass.busiest];
        const annotations = [['result', moved > 0 ? 'moved' : nothing], ['moved', moved], ...pass.found];
        if (pass.busiest === 'found') {
            annotations.push(['src_cpu', args[4]], ['imbalance_left', args[5]]);
            annotations.push(['flags', PASS_FLAGS.filter((_, bit) => (args[7] & (1 << bit)) !== 0).join(', ')]);
            annotations.push(['candidates_refused', pass.refused], ['candidates_allowed', pass.allowed]);
        }
        annotations.push(...observed([['cost', args[11]]]));
        this.#end(cpu, timeNs, 'pass', annotations);
    }
    /** An arrow from the track of the CPU that the task leaves to that of the CPU it goes to. */
    #migration(timeNs, cpu, task, args) {
        const flow = this.#nextFlow++;
        const cause = MIGRATE_CAUSES[args[3]] ?? 'other';
        const annotations = [
            ['task', `${this.#comm(task, cpu)} ${this.#pid(task)}`],
            ['cause', cause],
            ['from_cpu', args[0]],
            ['to_cpu', args[1]],
            ['by_cpu', cpu],
        ];
        if (args[4] !== NOT_OBSERVED)
            annotations.push(['domain', textLevelName(args[4], this.#dialect)]);
        const common = { type: Slice.INSTANT, category: 'migration', annotations };
        this.#packets.trackEvent(timeNs, { ...common, track: BALANCE_TRACKS + args[0], name: `out: ${cause}`, flow });
        this.#packets.trackEvent(timeNs, {
            ...common,
            track: BALANCE_TRACKS + args[1],
            name: `in: ${cause}`,
            endingFlow: flow,
        });
    }
    #begin(cpu, timeNs, kind, name, annotations) {
        this.#open[cpu].push({ kind, refused: 0, allowed: 0, busiest: 'unknown', found: [] });
        this.#packets.trackEvent(timeNs, {
            type: Slice.BEGIN,
            track: BALANCE_TRACKS + cpu,
            name,
            category: 'load_balance',
            annotations: observed(annotations),
        });
    }
    /** Ends the innermost slice of the kind, and whatever has not ended inside it; nothing if none has begun. */
    #end(cpu, timeNs, kind, annotations) {
        const open = this.#open[cpu];
        if (!open.some((slice) => slice.kind === kind))
            return;
        while (open.at(-1).kind !== kind)
            this.#close(cpu, timeNs, [['unfinished', true]]);
        this.#close(cpu, timeNs, annotations);
    }
    #close(cpu, timeNs, annotations) {
        this.#open[cpu].pop();
        this.#packets.trackEvent(timeNs, { type: Slice.END, track: BALANCE_TRACKS + cpu, annotations });
    }
    #instant(track, timeNs, name, category, annotations) {
        this.#packets.trackEvent(timeNs, { type: Slice.INSTANT, track, name, category, annotations });
    }
    #wakeup(cpu, timeNs, task, field, args) {
        const w = this.#about(task, cpu);
        w.prio = args[1];
        w.a = args[0];
        this.#ftrace(cpu, timeNs, field, writeWakeup);
    }
    #softirq(cpu, timeNs, field, args) {
        this.#w.a = args[0];
        this.#ftrace(cpu, timeNs, field, writeSoftirq);
    }
    #ftrace(cpu, timeNs, field, body) {
        this.#packets.ftrace(cpu, timeNs, this.#pid(this.#current[cpu]), field, body, this.#w);
    }
    #about(task, cpu) {
        this.#introduce(task);
        const w = this.#w;
        w.comm = this.#comm(task, cpu);
        w.pid = this.#pid(task);
        return w;
    }
    /** Tells Perfetto of a task that has not been forked in this trace, so was there before. */
    #introduce(task) {
        if (task < 0 || this.#known.has(task))
            return;
        this.#known.add(task);
        const { pid, kthread } = this.#tables.tasks[task];
        if (kthread && pid !== KTHREADD && !this.#kthreaddKnown) {
            this.#packets.process(this.#nowNs, KTHREADD, 0, 'kthreadd');
            this.#kthreaddKnown = true;
        }
        this.#packets.process(this.#nowNs, pid, kthread && pid !== KTHREADD ? KTHREADD : 0, this.#comm(task, 0));
    }
    #pid(task) {
        return task < 0 ? 0 : this.#tables.tasks[task].pid;
    }
    #comm(task, cpu) {
        return task < 0 ? `swapper/${cpu}` : (this.#renamed[task] ?? this.#tables.tasks[task].comm);
    }
}
/** Without what the trace does not tell. */
function observed(annotations) {
    return annotations.filter(([, value]) => value !== NOT_OBSERVED);
}
