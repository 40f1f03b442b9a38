/**
 * Groups of domains, their rings, and the capacities the groups start with.
 *
 * Below NUMA the groups of a domain are the spans of its members' children, or single CPUs. Every CPU of the span writes
 * the ring links of these shared groups anew, walking from itself upwards with wrap-around, so that the order in force is
 * that of the CPU processed last, the highest one:
 *
 *   span 0-7, children {0,4} {1,5} {2,6} {3,7}:   walk from 7   {3,7} -> {0,4} -> {1,5} -> {2,6} -> back
 *
 * NUMA spans differ from node to node, their groups overlap, and each CPU has a ring of its own, made of what the other
 * CPUs' domains of the level have as children. Groups hold nothing that changes later but their capacity (sgc), which is
 * shared also in the kernel; so equal groups of several CPUs are kept as one object here.
 *
 * @spec 04 §3
 */
import { assert } from "../base/errors.js";
import { emptyMask, maskFirst, maskHas, maskNext, maskSet, maskSubset } from "../machine/cpumask.js";
import { SD } from "./domains.js";
const FULL_CAPACITY = 1024;
/** Gives every domain of the table its ring. */
export function buildGroups(table, nrCpus, spans, options) {
    const overlapping = new OverlappingGroups(table, nrCpus, spans, options);
    for (const drafts of table) {
        for (const draft of drafts) {
            if (draft === undefined || draft.ring.length > 0)
                continue;
            if (draft.flags & SD.OVERLAP)
                overlapping.build(draft);
            else
                buildSharedRing(draft.span, drafts, spans);
        }
    }
}
/** The one ring of all CPUs of a span below NUMA. @spec 04 §3.1 */
function buildSharedRing(span, drafts, spans) {
    const ring = [];
    const start = new Int32Array(span.weight);
    const covered = emptyMask(span.mask.length * 32);
    const position = new Map();
    span.cpus.forEach((cpu, i) => {
        position.set(cpu, i);
    });
    for (let k = 0; k < span.weight; k++) {
        // From the highest CPU upwards, which is: that one, then all from the lowest.
        const cpu = k === 0 ? span.last : span.cpus[k - 1];
        if (maskHas(covered, cpu))
            continue;
        const child = drafts[cpu].child;
        const group = child?.span ?? spans.of([cpu]);
        for (const member of group.cpus) {
            maskSet(covered, member);
            start[position.get(member)] = ring.length;
        }
        ring.push({ span: group, balance: group, flags: child?.flags ?? 0, sgc: fullCapacity(group) });
    }
    span.cpus.forEach((cpu, i) => {
        const draft = drafts[cpu];
        draft.ring = ring;
        draft.ringStart = start[i];
    });
}
/** Rings of NUMA domains. @spec 04 §3.2 */
class OverlappingGroups {
    #table;
    #nrCpus;
    #spans;
    #options;
    /** By row of the domain whose child makes the group, and span of that child. */
    #groups = new Map();
    /** With `groupsFromCpu0`: by row and span. */
    #rings = new Map();
    constructor(table, nrCpus, spans, options) {
        this.#table = table;
        this.#nrCpus = nrCpus;
        this.#spans = spans;
        this.#options = options;
    }
    build(sd) {
        if (!this.#options.groupsFromCpu0) {
            sd.ring = this.#walk(sd, sd.cpu);
            sd.ringStart = 0;
            return;
        }
        const key = `${sd.row}/${sd.span.id}`;
        let ring = this.#rings.get(key);
        if (ring === undefined)
            this.#rings.set(key, (ring = this.#walk(sd, sd.span.first)));
        sd.ring = ring;
        sd.ringStart = ring.findIndex((group) => maskHas(group.span.mask, sd.cpu));
        assert(sd.ringStart >= 0, `CPU ${sd.cpu} is in a group of its own domain`);
    }
    #walk(sd, from) {
        const ring = [];
        const left = sd.span.mask.slice();
        for (;;) {
            let cpu = maskNext(left, from);
            if (cpu < 0)
                cpu = maskFirst(left);
            if (cpu < 0)
                return ring;
            left[cpu >>> 5] &= ~(1 << (cpu & 31));
            // A CPU whose chain ended below this row is covered by the group of another one.
            let sibling = this.#table[sd.row][cpu];
            if (sibling === undefined)
                continue;
            // A neighbour's neighbourhood may reach out of this domain: take the largest that does not. Descending further
            // through equal spans, as the kernel would, changes nothing: this child fits and its parent does not.
            while (sibling.child !== undefined && !maskSubset(sibling.child.span.mask, sd.span.mask))
                sibling = sibling.child;
            const group = this.#groupOf(sibling);
            const words = group.span.mask;
            for (let i = 0; i < words.length; i++)
                left[i] &= ~words[i];
            ring.push(group);
        }
    }
    /** The group made of a domain's child. */
    #groupOf(sd) {
        const child = sd.child;
        assert(child !== undefined, 'a NUMA domain has a child');
        const key = `${sd.row}/${child.span.id}`;
        let group = this.#groups.get(key);
        if (group === undefined) {
            const balance = emptyMask(this.#nrCpus);
            for (const cpu of child.span.cpus) {
                if (this.#table[sd.row][cpu]?.child?.span === child.span)
                    maskSet(balance, cpu);
            }
            group = {
                span: child.span,
                balance: this.#spans.ofMask(balance),
                flags: child.flags,
                sgc: fullCapacity(child.span),
            };
            assert(group.balance.weight > 0, 'a group has CPUs to balance on its behalf');
            this.#groups.set(key, group);
        }
        return group;
    }
}
function fullCapacity(span) {
    return { capacity: FULL_CAPACITY * span.weight, minCapacity: FULL_CAPACITY, maxCapacity: FULL_CAPACITY };
}
/**
 * The first refresh of all capacities, from the highest CPU down and from its lowest domain up; a group is refreshed by
 * its balance CPU only. CPUs not yet reached count as full ones. @spec 04 §3.3, 06 §5.2
 */
export function initCapacities(table, t) {
    const cpuCapacity = new Float64Array(t.nrCpus).fill(FULL_CAPACITY);
    for (let cpu = t.nrCpus - 1; cpu >= 0; cpu--) {
        for (let sd = table[0]?.[cpu]; sd !== undefined; sd = sd.parent) {
            const local = sd.ring[sd.ringStart];
            if (local.balance.first !== cpu)
                continue;
            const { sgc } = local;
            if (sd.child === undefined) {
                const capacity = Math.max(1, t.capacity[cpu]);
                cpuCapacity[cpu] = capacity;
                sgc.capacity = sgc.minCapacity = sgc.maxCapacity = capacity;
            }
            else if (sd.child.flags & SD.OVERLAP) {
                sumUp(sgc, local.span.cpus, (member) => cpuCapacity[member]);
            }
            else {
                let capacity = 0;
                let min = Number.MAX_SAFE_INTEGER;
                let max = 0;
                for (const group of sd.child.ring) {
                    capacity += group.sgc.capacity;
                    min = Math.min(min, group.sgc.minCapacity);
                    max = Math.max(max, group.sgc.maxCapacity);
                }
                sgc.capacity = capacity;
                sgc.minCapacity = min;
                sgc.maxCapacity = max;
            }
        }
    }
}
function sumUp(sgc, cpus, capacityOf) {
    let sum = 0;
    let min = Number.MAX_SAFE_INTEGER;
    let max = 0;
    for (const cpu of cpus) {
        const capacity = capacityOf(cpu);
        sum += capacity;
        min = Math.min(min, capacity);
        max = Math.max(max, capacity);
    }
    sgc.capacity = sum;
    sgc.minCapacity = min;
    sgc.maxCapacity = max;
}
