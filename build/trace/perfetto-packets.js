/**
 * Packets of a Perfetto trace, one after another, in its protobuf form.
 *
 *   Trace ─┬ packet: clock snapshot, system, tracks                              (once)
 *          ├ packet: process tree: a task that was there before                  (when it first appears)
 *          ├ packet: ftrace bundle: the events of one CPU for a while            (sequence 2)
 *          └ packet: track event: slice, instant or counter on one of our tracks (sequence 1, names interned)
 *
 * The numbers are those of Perfetto's public schema (`protos/perfetto/trace/`, Apache-2.0); only what is written is named
 * here. All times are in the clock BOOTTIME, which is also the primary one, so nothing is converted.
 */
import { PbfWriter } from 'pbf';
/** Fields of TracePacket. */
const Packet = {
    FTRACE_EVENTS: 1,
    PROCESS_TREE: 2,
    CLOCK_SNAPSHOT: 6,
    TIMESTAMP: 8,
    SEQUENCE_ID: 10,
    TRACK_EVENT: 11,
    INTERNED_DATA: 12,
    SEQUENCE_FLAGS: 13,
    PREVIOUS_PACKET_DROPPED: 42,
    SYSTEM_INFO: 45,
    TRACK_DESCRIPTOR: 60,
    FIRST_PACKET_ON_SEQUENCE: 87,
};
const TRACK_SEQUENCE = 1;
const FTRACE_SEQUENCE = 2;
const STATE_CLEARED = 1;
const NEEDS_STATE = 2;
const MONOTONIC = 3;
const BOOTTIME = 6;
/** Children in the order of their ranks. */
const EXPLICIT_ORDER = 3;
/** Not one track with others of the same name. */
const NO_MERGING = 2;
const UNIT_COUNT = 2;
/** TrackEvent.Type */
export const Slice = { BEGIN: 1, END: 2, INSTANT: 3 };
const COUNTER = 4;
/** Bytes of ftrace events that are held back to be bundled, and of packets before they are handed on. */
const BUNDLE_BYTES = 1 << 16;
const CHUNK_BYTES = 1 << 16;
export class PerfettoPackets {
    #write;
    #out = new PbfWriter(new Uint8Array(CHUNK_BYTES * 2));
    /** Events of each CPU since the last bundle, as the body of its next one; null for none. */
    #bundles;
    #bundledBytes = 0;
    #firstTrackEvent = true;
    #names = new Interned(2);
    #annotationNames = new Interned(3);
    #categories = new Interned(1);
    constructor(write, nrCpus) {
        this.#write = write;
        this.#bundles = new Array(nrCpus).fill(null);
    }
    /** The clocks at one time: they are all one. */
    clock(timeNs) {
        this.#packet((packet) => {
            packet.writeMessage(Packet.CLOCK_SNAPSHOT, (_, snapshot) => {
                for (const id of [BOOTTIME, MONOTONIC]) {
                    snapshot.writeMessage(1, (_clock, clock) => {
                        clock.writeVarintField(1, id);
                        clock.writeVarintField(2, timeNs);
                    }, null);
                }
                snapshot.writeVarintField(2, BOOTTIME);
            }, null);
        });
    }
    /** What kernel it was, which decides how states of tasks are read. */
    system(release, nrCpus) {
        this.#packet((packet) => {
            packet.writeMessage(Packet.SYSTEM_INFO, (_, info) => {
                info.writeMessage(1, (_name, utsname) => {
                    utsname.writeStringField(1, 'Linux');
                    utsname.writeStringField(3, release);
                }, null);
                info.writeVarintField(8, nrCpus);
            }, null);
        });
    }
    /** A track of ours: for slices and instants, or for a counter; its place among its siblings is `rank`. */
    track(uuid, name, place) {
        this.#packet((packet) => {
            packet.writeMessage(Packet.TRACK_DESCRIPTOR, (_, track) => {
                track.writeVarintField(1, uuid);
                track.writeStringField(2, name);
                if (place.parent === undefined)
                    track.writeVarintField(11, EXPLICIT_ORDER);
                else
                    track.writeVarintField(5, place.parent);
                if (place.counter === true) {
                    track.writeMessage(8, (_counter, counter) => counter.writeVarintField(3, UNIT_COUNT), null);
                }
                if (place.rank !== undefined)
                    track.writeVarintField(12, place.rank);
                track.writeVarintField(15, NO_MERGING);
            }, null);
        });
    }
    /** A process of one thread. Kernel threads are children of pid 2, which is how they are known. */
    process(timeNs, pid, parentPid, name) {
        this.#packet((packet) => {
            packet.writeVarintField(Packet.TIMESTAMP, timeNs);
            packet.writeMessage(Packet.PROCESS_TREE, (_, tree) => {
                tree.writeMessage(1, (_process, process) => {
                    process.writeVarintField(1, pid);
                    process.writeVarintField(2, parentPid);
                    process.writeStringField(3, name);
                }, null);
                tree.writeMessage(2, (_thread, thread) => {
                    thread.writeVarintField(1, pid);
                    thread.writeStringField(2, name);
                    thread.writeVarintField(3, pid);
                }, null);
            }, null);
        });
    }
    /** An ftrace event: `field` is its number in FtraceEvent, `body` writes its fields. */
    ftrace(cpu, timeNs, pid, field, body, event) {
        const bundle = this.#bundle(cpu);
        const before = bundle.pos;
        bundle.writeMessage(2, (_, outer) => {
            outer.writeVarintField(1, timeNs);
            outer.writeVarintField(2, pid);
            outer.writeMessage(field, body, event);
        }, null);
        this.#bundledBytes += bundle.pos - before;
        if (this.#bundledBytes > BUNDLE_BYTES)
            this.flushBundles();
    }
    /** Events of this CPU were lost before what follows. */
    lostEvents(cpu) {
        this.flushBundles();
        this.#bundle(cpu).writeBooleanField(3, true);
    }
    #bundle(cpu) {
        let bundle = this.#bundles[cpu];
        if (bundle === null || bundle === undefined) {
            bundle = new PbfWriter(new Uint8Array(4096));
            bundle.writeVarintField(1, cpu);
            this.#bundles[cpu] = bundle;
        }
        return bundle;
    }
    flushBundles() {
        for (let cpu = 0; cpu < this.#bundles.length; cpu++) {
            const bundle = this.#bundles[cpu];
            if (bundle === null || bundle === undefined)
                continue;
            this.#bundles[cpu] = null;
            const bytes = bundle.buf.subarray(0, bundle.pos);
            this.#packet((packet) => {
                packet.writeBytesField(Packet.FTRACE_EVENTS, bytes);
                packet.writeVarintField(Packet.SEQUENCE_ID, FTRACE_SEQUENCE);
            });
        }
        this.#bundledBytes = 0;
    }
    trackEvent(timeNs, event) {
        this.#sequenced(timeNs, (_, body) => {
            body.writeVarintField(9, event.type);
            body.writeVarintField(11, event.track);
            if (event.category !== undefined)
                body.writeVarintField(3, this.#categories.id(event.category));
            if (event.name !== undefined)
                body.writeVarintField(10, this.#names.id(event.name));
            if (event.flow !== undefined)
                body.writeFixed64Field(47, event.flow);
            if (event.endingFlow !== undefined)
                body.writeFixed64Field(48, event.endingFlow);
            for (const annotation of event.annotations ?? [])
                body.writeMessage(4, this.#annotation, annotation);
        });
    }
    counter(timeNs, track, value) {
        this.#sequenced(timeNs, (_, body) => {
            body.writeVarintField(9, COUNTER);
            body.writeVarintField(11, track);
            body.writeVarintField(30, value);
        });
    }
    /** Hands on what is left. */
    end() {
        this.flushBundles();
        this.#flush();
    }
    #annotation = ([name, value], pbf) => {
        pbf.writeVarintField(1, this.#annotationNames.id(name));
        if (typeof value === 'boolean')
            pbf.writeBooleanField(2, value);
        else if (typeof value === 'number')
            pbf.writeVarintField(4, value);
        else
            pbf.writeStringField(6, value);
    };
    /** A track event, with the names it uses for the first time. */
    #sequenced(timeNs, body) {
        this.#packet((packet) => {
            packet.writeVarintField(Packet.TIMESTAMP, timeNs);
            packet.writeVarintField(Packet.SEQUENCE_ID, TRACK_SEQUENCE);
            packet.writeMessage(Packet.TRACK_EVENT, body, null);
            if (this.#names.hasNew || this.#annotationNames.hasNew || this.#categories.hasNew) {
                packet.writeMessage(Packet.INTERNED_DATA, (_, data) => {
                    for (const names of [this.#categories, this.#names, this.#annotationNames])
                        names.writeNew(data);
                }, null);
            }
            const first = this.#firstTrackEvent;
            packet.writeVarintField(Packet.SEQUENCE_FLAGS, first ? STATE_CLEARED | NEEDS_STATE : NEEDS_STATE);
            if (first) {
                packet.writeBooleanField(Packet.FIRST_PACKET_ON_SEQUENCE, true);
                packet.writeBooleanField(Packet.PREVIOUS_PACKET_DROPPED, true);
                this.#firstTrackEvent = false;
            }
        });
    }
    #packet(body) {
        this.#out.writeMessage(1, (_, packet) => body(packet), null);
        if (this.#out.pos > CHUNK_BYTES)
            this.#flush();
    }
    #flush() {
        const out = this.#out;
        if (out.pos > 0)
            this.#write(out.buf.slice(0, out.pos));
        out.pos = 0;
    }
}
/** Strings that are written once and referred to by number, in one of the tables of InternedData. */
class Interned {
    #field;
    #ids = new Map();
    #new = [];
    constructor(field) {
        this.#field = field;
    }
    get hasNew() {
        return this.#new.length > 0;
    }
    id(text) {
        let id = this.#ids.get(text);
        if (id === undefined) {
            id = this.#ids.size + 1;
            this.#ids.set(text, id);
            this.#new.push([id, text]);
        }
        return id;
    }
    writeNew(data) {
        for (const entry of this.#new) {
            data.writeMessage(this.#field, ([id, text], pbf) => {
                pbf.writeVarintField(1, id);
                pbf.writeStringField(2, text);
            }, entry);
        }
        this.#new = [];
    }
}
