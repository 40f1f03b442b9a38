/**
 * The hardware of a machine as an indented tree, alike parts folded:
 *
 *   2 × package 0-1, node 0-1      8 CPUs each   0-7 | 8-15
 *     4 × core (L2 1 MiB)          2 CPUs each   0-1 | 2-3 | 4-5 | 6-7
 *
 * A line stands for all parts that look alike below their parent; the CPUs of lines further in are those of the first.
 * Groupings come in the order in which they nest on this machine (a node may hold packages or a package nodes), and equal
 * ones share a line. Groupings that cross the others are left out of the tree and listed after it.
 */
import { formatCpuList } from "../machine/cpumask.js";
export function machineTree(t, options) {
    const { ranks, crossing } = nesting(groupingsOf(t), t.nrCpus);
    const all = Array.from({ length: t.nrCpus }, (_, cpu) => cpu);
    const varying = ATTRIBUTES.filter((name) => t[name].some((value) => value !== t[name][0]));
    const context = { t, ranks, caches: cachesByCpus(t), varying, shapes: new Map() };
    const lines = [];
    printParts(partsOf(context, all, 0, []), 0, options.isFolded, lines);
    return {
        lines,
        crossing: crossing.map((g) => ({ label: g.name, cpus: split(all, g.column).map((cpus) => formatCpuList(cpus)) })),
    };
}
/** Number of parts of a column, counting only CPUs that `take` accepts. */
export function countParts(column, take = () => true) {
    const values = new Set();
    column.forEach((value, cpu) => {
        if (take(cpu))
            values.add(value);
    });
    return values.size;
}
/** `512 KiB`, `32 MiB`. */
export function formatBytes(bytes) {
    for (const [unit, size] of [
        ['GiB', 2 ** 30],
        ['MiB', 2 ** 20],
        ['KiB', 2 ** 10],
    ]) {
        if (bytes >= size)
            return `${Number((bytes / size).toFixed(2))} ${unit}`;
    }
    return `${bytes} B`;
}
function groupingsOf(t) {
    return [
        { name: 'package', column: t.package, isNumbered: true, isImplied: false },
        { name: 'node', column: t.node, isNumbered: true, isImplied: false },
        { name: 'die', column: t.die, isNumbered: true, isImplied: true },
        { name: 'LLC', column: t.llc, isNumbered: false, isImplied: false },
        { name: 'cluster', column: t.cluster, isNumbered: false, isImplied: true },
        { name: 'core', column: t.core, isNumbered: false, isImplied: false },
    ];
}
/** The groupings from coarse to fine, those that equal each other together. */
function nesting(groupings, nrCpus) {
    const ranks = [];
    const crossing = [];
    const byCount = groupings.map((g) => ({ g, parts: countParts(g.column) })).sort((a, b) => a.parts - b.parts);
    for (const { g } of byCount) {
        const last = ranks[ranks.length - 1];
        if (last !== undefined && !refines(g.column, last.column, nrCpus)) {
            if (!g.isImplied)
                crossing.push(g);
        }
        else if (last !== undefined && refines(last.column, g.column, nrCpus)) {
            last.names.push(g);
        }
        else {
            ranks.push({ column: g.column, names: [g] });
        }
    }
    return { ranks, crossing };
}
/** Whether CPUs that are together in `fine` are together in `coarse`. */
function refines(fine, coarse, nrCpus) {
    const seen = new Map();
    for (let cpu = 0; cpu < nrCpus; cpu++) {
        const part = seen.get(fine[cpu]);
        if (part === undefined)
            seen.set(fine[cpu], coarse[cpu]);
        else if (part !== coarse[cpu])
            return false;
    }
    return true;
}
/** What may differ between CPUs and is worth saying of a part in which it does not. */
const ATTRIBUTES = ['capacity', 'priority'];
/** What is said of a cache, by the CPUs that share it. */
function cachesByCpus(t) {
    const found = new Map();
    const letter = { Data: 'd', Instruction: 'i', Unified: '' };
    for (const cache of [...t.caches].sort((a, b) => b.level - a.level)) {
        const name = `L${cache.level}${letter[cache.type]}`;
        const key = cache.cpus.join();
        const names = found.get(key) ?? [];
        names.push(cache.sizeBytes > 0 ? `${name} ${formatBytes(cache.sizeBytes)}` : name);
        found.set(key, names);
    }
    return found;
}
/** The parts of these CPUs; `said` are the attributes that a line further out has told already. */
function partsOf(c, cpus, depth, said) {
    const rank = c.ranks[depth];
    if (rank === undefined)
        return [];
    return split(cpus, rank.column).flatMap((own) => {
        if (rank.names.every((g) => g.isImplied)) {
            // A cluster of one core is a core.
            const inner = partsOf(c, own, depth + 1, said);
            if (inner.length === 1)
                return inner;
        }
        const details = [...(c.caches.get(own.join()) ?? [])];
        const saidHere = [...said];
        for (const name of c.varying) {
            const value = c.t[name][own[0]];
            if (said.includes(name) || own.some((cpu) => c.t[name][cpu] !== value))
                continue;
            saidHere.push(name);
            details.push(`${name} ${value}`);
        }
        const offline = own.filter((cpu) => c.t.online[cpu] === 0).length;
        if (offline > 0)
            details.push(`${offline} offline`);
        const children = partsOf(c, own, depth + 1, saidHere);
        const look = JSON.stringify([depth, own.length, details, children.map((child) => child.shape)]);
        const shape = c.shapes.get(look) ?? c.shapes.size;
        c.shapes.set(look, shape);
        return [{ rank, cpus: own, children, details, shape }];
    });
}
function printParts(parts, depth, isFolded, out) {
    const alike = new Map();
    parts.forEach((part, i) => {
        const key = isFolded ? part.shape : i;
        const others = alike.get(key);
        if (others === undefined)
            alike.set(key, [part]);
        else
            others.push(part);
    });
    for (const same of alike.values()) {
        const first = same[0];
        const { names } = first.rank;
        const said = names.filter((g) => !g.isImplied || names.length === 1);
        const label = said.map((g) => {
            if (!g.isNumbered)
                return g.name;
            return `${g.name} ${formatCpuList(same.map((part) => g.column[part.cpus[0]]).sort((a, b) => a - b))}`;
        });
        const details = first.details.length > 0 ? ` (${first.details.join(', ')})` : '';
        out.push({
            depth,
            label: label.join(', ') + details,
            count: same.length,
            cpusEach: first.cpus.length,
            cpus: same.map((part) => formatCpuList(part.cpus)),
        });
        printParts(first.children, depth + 1, isFolded, out);
    }
}
/** The CPUs by their entry in the column, in order of each part's lowest CPU. */
function split(cpus, column) {
    const parts = new Map();
    for (const cpu of cpus) {
        const part = parts.get(column[cpu]);
        if (part === undefined)
            parts.set(column[cpu], [cpu]);
        else
            part.push(cpu);
    }
    return [...parts.values()];
}
