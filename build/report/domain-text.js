import { formatCpuList, maskCpus } from "../machine/cpumask.js";
import { SD } from "../sched/domains.js";
import { fitList, plural } from "./words.js";
/** Rings of one level printed for CPUs that are told of together, before the rest is only counted. */
const MAX_RINGS = 8;
export function domainLines(t, tree, options) {
    const { cpus } = options;
    const printer = new Printer(tree, options);
    const lines = [];
    if (cpus !== 'folded') {
        const chosen = cpus === 'all' ? Array.from({ length: t.nrCpus }, (_, cpu) => cpu) : cpus;
        for (const cpu of chosen)
            lines.push(...printer.chain([cpu], `CPU ${cpu}`), '');
        return lines;
    }
    for (const alike of alikeCpus(t, tree)) {
        const heading = `${alike.length === 1 ? 'CPU' : 'CPUs'} ${formatCpuList(alike)}`;
        lines.push(...printer.chain(alike, alike.length === 1 ? heading : `${heading} (${alike.length} alike)`), '');
    }
    return lines;
}
/** CPUs by what their domains look like, lowest CPU first. */
function alikeCpus(t, tree) {
    const classes = new Map();
    const ringShapes = new Map();
    const shapeOf = (sd) => {
        // Which groups there are, and what the local one is; where in the ring it stands is position.
        let ring = ringShapes.get(sd.ring);
        if (ring === undefined) {
            const counts = new Map();
            for (const id of sd.ring) {
                const shape = groupShape(tree, tree.groups[id]);
                counts.set(shape, (counts.get(shape) ?? 0) + 1);
            }
            ring = [...counts]
                .map(([shape, count]) => `${count}*${shape}`)
                .sort()
                .join();
            ringShapes.set(sd.ring, ring);
        }
        const local = groupShape(tree, tree.groups[sd.ring[sd.ringStart]]);
        const { name, flags, spanWeight, minInterval, imbalancePct, cacheNiceTries, imbNumaNr } = sd;
        return [name, flags, spanWeight, minInterval, imbalancePct, cacheNiceTries, imbNumaNr, local, ring].join();
    };
    for (let cpu = 0; cpu < t.nrCpus; cpu++) {
        const key = Array.from(tree.ofCpu[cpu], (id) => shapeOf(tree.domains[id])).join(' ');
        const alike = classes.get(key);
        if (alike === undefined)
            classes.set(key, [cpu]);
        else
            alike.push(cpu);
    }
    return [...classes.values()];
}
function groupShape(tree, group) {
    const { capacity, minCapacity, maxCapacity } = tree.capacities[group.sgc];
    return `${group.cpus.length}/${capacity}/${minCapacity}/${maxCapacity}/${group.flags}`;
}
class Printer {
    #tree;
    #options;
    constructor(tree, options) {
        this.#tree = tree;
        this.#options = options;
    }
    /** The domains of CPUs that are alike, as the first of them has them. */
    chain(cpus, heading) {
        const { colors, names } = this.#options;
        const chains = cpus.map((cpu) => [...this.#tree.ofCpu[cpu]].map((id) => this.#tree.domains[id]));
        const first = chains[0];
        if (first.length === 0)
            return [colors.cyan(`${heading}: no domains`)];
        const labels = first.map((sd) => names.domain(sd.name));
        const wide = Math.max(...labels.map((label) => label.length)) + 2;
        const out = [colors.cyan(heading), ...this.#figures(first, labels)];
        if (cpus.length === 1)
            out.push(`  ${this.#pointers(cpus[0])}`);
        out.push('  flags');
        first.forEach((sd, i) => {
            const flags = names.flags(sd.flags).map((flag) => flag.slice('SD_'.length));
            out.push(`  ${labels[i].padEnd(wide)}${flags.join(' ')}`);
        });
        out.push(`  groups from CPU ${cpus[0]}`);
        first.forEach((sd, i) => {
            const others = sd.flags & SD.OVERLAP ? chains.map((chain) => chain[i]) : [sd];
            out.push(...this.#rings(others, labels[i], wide));
        });
        return out;
    }
    #figures(chain, labels) {
        const rows = chain.map((sd, i) => [
            labels[i],
            `${sd.spanWeight}`,
            this.#groupCounts(sd),
            `${sd.minInterval}..${sd.maxInterval}`,
            `×${sd.busyFactor}`,
            `${sd.imbalancePct}`,
            `${sd.cacheNiceTries}`,
            `${sd.imbNumaNr}`,
        ]);
        const header = ['', 'CPUs', 'groups', 'interval ms', 'busy', 'imbalance_pct', 'cache_nice_tries', 'imb_numa_nr'];
        const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i].length)));
        const line = (cells) => `  ${cells.map((cell, i) => (i === 0 || i === 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ')}`;
        return [this.#options.colors.dim(line(header)), ...rows.map(line)];
    }
    /** `4 × 2 CPUs`, or sizes in ring order where they differ: `5 of 1-2 CPUs`. */
    #groupCounts(sd) {
        const sizes = [...sd.ring].map((id) => this.#tree.groups[id].cpus.length);
        const [min, max] = [sizes.reduce((a, b) => Math.min(a, b)), sizes.reduce((a, b) => Math.max(a, b))];
        return min === max ? `${sizes.length} × ${plural(min, 'CPU')}` : `${sizes.length} of ${min}-${max} CPUs`;
    }
    /** Where one CPU's cached pointers lead. @spec 04 §5 */
    #pointers(cpu) {
        const tree = this.#tree;
        const name = (id) => (id < 0 ? 'none' : this.#options.names.domain(tree.domains[id].name));
        return [
            `sd_llc ${name(tree.sdLlc[cpu])} (id ${tree.llcId[cpu]}, size ${tree.llcSize[cpu]})`,
            `sd_numa ${name(tree.sdNuma[cpu])}`,
            `sd_asym_packing ${name(tree.sdAsymPacking[cpu])}`,
            `sd_asym_cpucapacity ${name(tree.sdAsymCpucapacity[cpu])}`,
        ].join(', ');
    }
    /** The rings of one level; more than one where CPUs that are otherwise alike see different groups. */
    #rings(domains, label, wide) {
        const distinct = new Map();
        for (const sd of domains) {
            const key = ringKey(sd);
            const same = distinct.get(key);
            if (same === undefined)
                distinct.set(key, [sd]);
            else
                same.push(sd);
        }
        const views = [...distinct.values()];
        const shown = views.slice(0, MAX_RINGS).map((same, i) => {
            const from = views.length === 1 ? '' : `from ${formatCpuList(same.map((sd) => sd.cpu))}: `;
            return this.#ring(same[0], `  ${(i === 0 ? label : '').padEnd(wide)}${from}`);
        });
        if (views.length > MAX_RINGS) {
            shown.push(`  ${''.padEnd(wide)}and ${plural(views.length - MAX_RINGS, 'more ring')}; ask for a CPU to see its own`);
        }
        return shown;
    }
    /** One ring as a domain enters it. */
    #ring(sd, start) {
        const { ring, ringStart } = sd;
        const groups = Array.from(ring, (_, i) => this.#tree.groups[ring[(ringStart + i) % ring.length]]);
        const isEven = new Set(groups.map((group) => this.#capacity(group))).size === 1;
        const texts = groups.map((group) => this.#group(sd, group, !isEven));
        const facts = isEven ? [`capacity ${this.#capacity(groups[0])}${groups.length > 1 ? ' each' : ''}`] : [];
        facts.push(`balance CPU ${groups[0].balanceCpu}`);
        const end = `   ${facts.join(', ')}`;
        // CPUs asked for by number get their rings in full; thousands of rings of thousands of groups help nobody.
        const { cpus, width: columns } = this.#options;
        const width = cpus === 'folded' ? columns : cpus === 'all' ? Math.max(columns, 2000) : Number.POSITIVE_INFINITY;
        const line = `${start}${fitList(texts, ' → ', Math.max(30, width - start.length - end.length))}`;
        return line + this.#options.colors.dim(end);
    }
    #group(sd, group, withCapacity) {
        const notes = [];
        if (withCapacity)
            notes.push(this.#capacity(group));
        const balance = maskCpus(group.balanceMask);
        if (balance.length < group.cpus.length)
            notes.push(`by ${formatCpuList(balance)}`);
        if (sd.flags & SD.ASYM_PACKING && group.cpus.length > 1)
            notes.push(`prefers ${group.asymPreferCpu}`);
        return formatCpuList([...group.cpus]) + (notes.length > 0 ? ` (${notes.join(', ')})` : '');
    }
    /** `2048`, or with the range of its CPUs where they differ: `2940 of 446..1024`. */
    #capacity(group) {
        const { capacity, minCapacity, maxCapacity } = this.#tree.capacities[group.sgc];
        return minCapacity === maxCapacity ? `${capacity}` : `${capacity} of ${minCapacity}..${maxCapacity}`;
    }
}
/** Equal for rings of the same groups in the same order, wherever they are entered. */
function ringKey(sd) {
    const { ring } = sd;
    let lowest = 0;
    for (let i = 1; i < ring.length; i++)
        if (ring[i] < ring[lowest])
            lowest = i;
    return [...ring.subarray(lowest), ...ring.subarray(0, lowest)].join();
}
