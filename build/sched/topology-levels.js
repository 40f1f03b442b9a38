/**
 * The kernel's topology table: the levels tried for every CPU, bottom-up, to make its chain of domains of.
 *
 *   0 SMT  threads of a core        3 DIE   CPUs of a node
 *   1 CLS  CPUs sharing an L2       4 NODE  the node again
 *   2 MC   CPUs sharing the LLC     5.. NUMA, one level a distance between nodes
 *
 * x86 variants leave rows out: packages that hold several nodes have no DIE, hybrid machines no CLS. With ITMT (some
 * CPUs are preferred) the levels up to the LLC pack asymmetrically. Rows keep their number in `Level` either way.
 *
 * Masks know nothing of which CPUs are in use: they hold offline and isolated CPUs too. @spec 04 §1
 */
import { emptyMask, maskOf, maskSet } from "../machine/cpumask.js";
import { Level, SD } from "./domains.js";
/** The topology table of this machine, lowest level first. */
export function topologyLevels(t, options) {
    const packing = hasItmt(t) ? SD.ASYM_PACKING : 0;
    const sharesCache = SD.SHARE_PKG_RESOURCES | packing;
    // No kernel lets a cache reach across nodes: with sub-NUMA clustering the L3 that the hardware reports for the whole
    // package is cut at the node.
    const cluster = within(t.cluster, t.node);
    const llc = within(t.llc, t.node);
    const levels = [byColumn(Level.SMT, 'SMT', SD.SHARE_CPUCAPACITY | sharesCache, t.core)];
    if (!t.hybrid)
        levels.push(byColumn(Level.CLS, 'CLS', sharesCache, cluster));
    levels.push(byColumn(Level.MC, 'MC', sharesCache, llc));
    if (!hasNumaInPackage(t))
        levels.push(byColumn(Level.DIE, 'DIE', 0, t.node));
    const distances = numaDistances(t);
    levels.push(byDistance(t, Level.NODE, 'NODE', 0, distances[0]));
    if (!options.dropNuma) {
        for (let i = 1; i < distances.length; i++) {
            levels.push(byDistance(t, Level.NUMA + i - 1, 'NUMA', SD.NUMA | SD.OVERLAP | SD.SERIALIZE, distances[i]));
        }
    }
    return levels;
}
/** Distinct distances between nodes that have CPUs, ascending; the first is the local one. @spec 04 §1 */
export function numaDistances(t) {
    const nodes = nodesWithCpus(t);
    const values = new Set();
    for (const i of nodes)
        for (const j of nodes)
            values.add(t.distance[i][j]);
    return [...values].sort((a, b) => a - b);
}
/** How nodes reach each other, which decides how NUMA balancing scores them. @spec 04 §1 */
export function numaTopologyType(t) {
    const distances = numaDistances(t);
    if (distances.length <= 2)
        return 'direct';
    const max = distances[distances.length - 1];
    const nodes = nodesWithCpus(t);
    for (const a of nodes) {
        for (const b of nodes) {
            if (t.distance[a][b] < max)
                continue;
            // Only the first pair at the maximal distance is looked at.
            const between = nodes.some((c) => t.distance[a][c] < max && t.distance[b][c] < max && c !== a && c !== b);
            return between ? 'glueless_mesh' : 'backplane';
        }
    }
    return 'direct';
}
/** Some core has more than one thread online. @spec 04 §5 */
export function isSmtPresent(t) {
    const seen = new Set();
    for (let cpu = 0; cpu < t.nrCpus; cpu++) {
        if (t.online[cpu] === 0)
            continue;
        if (seen.has(t.core[cpu]))
            return true;
        seen.add(t.core[cpu]);
    }
    return false;
}
// Of an offline CPU the firmware often tells neither package nor priority, so the variants are decided by online ones.
function hasItmt(t) {
    let priority;
    for (let cpu = 0; cpu < t.nrCpus; cpu++) {
        if (t.online[cpu] === 0)
            continue;
        if (priority !== undefined && priority !== t.priority[cpu])
            return true;
        priority = t.priority[cpu];
    }
    return false;
}
function hasNumaInPackage(t) {
    const nodeOfPackage = new Map();
    for (let cpu = 0; cpu < t.nrCpus; cpu++) {
        if (t.online[cpu] === 0)
            continue;
        const node = nodeOfPackage.get(t.package[cpu]);
        if (node === undefined)
            nodeOfPackage.set(t.package[cpu], t.node[cpu]);
        else if (node !== t.node[cpu])
            return true;
    }
    return false;
}
/** Indices into `t.nodes`. */
function nodesWithCpus(t) {
    const used = new Set();
    for (let cpu = 0; cpu < t.nrCpus; cpu++)
        if (t.online[cpu] !== 0)
            used.add(t.node[cpu]);
    return t.nodes.flatMap((n, i) => (used.has(n.node) ? [i] : []));
}
/** The grouping `inner`, cut where `outer` changes. */
function within(inner, outer) {
    const numbers = new Map();
    return inner.map((value, cpu) => {
        const key = `${value}/${outer[cpu]}`;
        let number = numbers.get(key);
        if (number === undefined)
            numbers.set(key, (number = numbers.size));
        return number;
    });
}
/** A level whose masks are the CPUs with the same entry in a column. */
function byColumn(level, name, flags, column) {
    const cpusOf = new Map();
    column.forEach((value, cpu) => {
        const cpus = cpusOf.get(value);
        if (cpus === undefined)
            cpusOf.set(value, [cpu]);
        else
            cpus.push(cpu);
    });
    const maskOfCpu = new Int32Array(column.length);
    const masks = [];
    for (const cpus of cpusOf.values()) {
        for (const cpu of cpus)
            maskOfCpu[cpu] = masks.length;
        masks.push(maskOf(column.length, cpus));
    }
    return { level, name, flags, distance: 0, maskOfCpu, masks };
}
/** A level whose masks are, for each node, the CPUs of all nodes within the distance. */
function byDistance(t, level, name, flags, distance) {
    const masks = t.nodes.map((_, i) => {
        const mask = emptyMask(t.nrCpus);
        t.nodes.forEach((other, j) => {
            if (i === j || t.distance[i][j] <= distance)
                for (const cpu of other.cpus)
                    maskSet(mask, cpu);
        });
        return mask;
    });
    const indexOfNode = new Map(t.nodes.map((n, i) => [n.node, i]));
    const maskOfCpu = t.node.map((node) => indexOfNode.get(node));
    return { level, name, flags, distance: level >= Level.NUMA ? distance : 0, maskOfCpu, masks };
}
