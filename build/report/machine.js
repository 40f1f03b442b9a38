/**
 * A machine for people to read: its hardware, how far its nodes are apart, and the scheduling domains that the kernel
 * would build on it.
 *
 *   name and counts
 *   hardware tree, alike parts folded          (`machine-tree.ts`)
 *   node distances, performance domains
 *   scheduling domains, alike CPUs folded      (`domain-text.ts`)
 *
 * With `cpus` the domains of single CPUs, or of all, are printed in full.
 * The same for programs is `machineJson` (`machine-json.ts`), exported from here too.
 */
import { createColors } from 'picocolors';
import { UserError } from "../base/errors.js";
import { formatCpuList, maskCpus, maskHas } from "../machine/cpumask.js";
import { namesFor } from "../sched/kernel-names.js";
import { domainLines } from "./domain-text.js";
import { countParts, machineTree } from "./machine-tree.js";
import { fitList, plural } from "./words.js";
export { machineJson } from "./machine-json.js";
export function machineText(t, tree, options = {}) {
    const { color = false, cpus = 'folded', release = '6.1', width = 110 } = options;
    const unknown = typeof cpus === 'string' ? undefined : cpus.find((cpu) => !(cpu >= 0 && cpu < t.nrCpus));
    if (unknown !== undefined) {
        throw new UserError('usage', `machine "${t.name}" has no CPU ${unknown}`, {}, `it has CPUs 0-${t.nrCpus - 1}`);
    }
    const colors = createColors(color);
    const title = (text) => colors.bold(text);
    const lines = [`${title(t.name)}  ${summary(t)}`, ''];
    lines.push(...hardwareLines(t, cpus !== 'all', cpus === 'all' ? Number.POSITIVE_INFINITY : width), '');
    if (t.nodes.length > 1)
        lines.push(title('Node distances'), ...distanceLines(t, tree), '');
    if (t.perfDomains.length > 0)
        lines.push(title('Performance domains'), ...perfDomainLines(t), '');
    lines.push(title(`Scheduling domains, in the names of Linux ${release}`), ...stateLines(t, tree), '');
    lines.push(...domainLines(t, tree, { cpus, names: namesFor(release), width, colors }));
    return `${lines.join('\n').trimEnd()}\n`;
}
function summary(t) {
    const isOnline = (cpu) => t.online[cpu] !== 0;
    const nrOnline = t.online.reduce((n, online) => n + online, 0);
    const count = (column) => countParts(column, isOnline);
    const parts = [`${plural(nrOnline, 'CPU')}${nrOnline < t.nrCpus ? ` online of ${t.nrCpus}` : ''}`];
    parts.push(plural(count(t.package), 'package'), plural(count(t.node), 'node'));
    const llcs = count(t.llc);
    const clusters = countParts(t.cluster, (cpu) => isOnline(cpu) && t.core[cpu] !== t.core[t.cluster[cpu]]);
    parts.push(plural(llcs, 'LLC'));
    if (clusters > 0 && count(t.cluster) !== llcs)
        parts.push(plural(clusters, 'cluster'));
    parts.push(plural(count(t.core), 'core'));
    const threads = threadsPerCore(t);
    if (threads.max > 1)
        parts.push(`${threads.min === threads.max ? '' : `${threads.min} to `}${threads.max} threads a core`);
    return parts.join(', ') + (t.hybrid ? ', hybrid' : '');
}
function threadsPerCore(t) {
    const threads = new Map();
    for (let cpu = 0; cpu < t.nrCpus; cpu++) {
        if (t.online[cpu] !== 0)
            threads.set(t.core[cpu], (threads.get(t.core[cpu]) ?? 0) + 1);
    }
    return { min: Math.min(...threads.values()), max: Math.max(...threads.values()) };
}
function hardwareLines(t, isFolded, width) {
    const { lines, crossing } = machineTree(t, { isFolded });
    const labels = lines.map((l) => `${'  '.repeat(l.depth)}${l.count > 1 ? `${l.count} × ` : ''}${l.label}`);
    const sizes = lines.map((l) => `${plural(l.cpusEach, 'CPU')}${l.count > 1 ? ' each' : ''}`);
    const labelWidth = Math.max(...labels.map((s) => s.length));
    const sizeWidth = Math.max(...sizes.map((s) => s.length));
    const out = lines.map((line, i) => {
        const start = `${labels[i].padEnd(labelWidth)}  ${sizes[i].padEnd(sizeWidth)}  `;
        return start + fitList(line.cpus, ' | ', Math.max(24, width - start.length));
    });
    for (const { label, cpus } of crossing) {
        out.push(`${plural(cpus.length, label)}, across the above: ${fitList(cpus, ' | ', width - 40)}`);
    }
    return out;
}
function distanceLines(t, tree) {
    const names = t.nodes.map((n) => `${n.node}`);
    const cells = t.distance.map((row) => row.map((d) => `${d}`));
    const wide = Math.max(...names.map((s) => s.length), ...cells.flat().map((s) => s.length)) + 2;
    const row = (name, values) => `${name.padStart(6)}${values.map((value) => value.padStart(wide)).join('')}`;
    const out = [row('node', names), ...cells.map((values, i) => row(names[i], values))];
    const empty = t.nodes.filter((n) => n.cpus.length === 0).map((n) => n.node);
    if (empty.length > 0)
        out.push(`  without CPUs: ${formatCpuList(empty)}`);
    out.push(`  topology ${tree.topologyType}, farthest ${tree.maxNumaDistance}`);
    return out;
}
function perfDomainLines(t) {
    return t.perfDomains.map((pd) => {
        const mhz = pd.states.map((s) => Math.round(s.frequencyKhz / 1000));
        const range = mhz.length > 0 ? `, ${mhz[0]}..${mhz[mhz.length - 1]} MHz` : '';
        return `  CPUs ${formatCpuList(pd.cpus)}: ${plural(pd.states.length, 'state')}${range}`;
    });
}
/** What of the machine the scheduler knows as a whole. */
function stateLines(t, tree) {
    const facts = [
        tree.smtPresent ? 'SMT present' : 'no SMT',
        tree.asymCpucapacity ? `asymmetric capacity, largest ${tree.maxCpuCapacity}` : 'symmetric capacity',
    ];
    const cpus = Array.from({ length: t.nrCpus }, (_, cpu) => cpu);
    const offline = cpus.filter((cpu) => t.online[cpu] === 0);
    const isolated = cpus.filter((cpu) => t.online[cpu] !== 0 && !maskHas(tree.map, cpu));
    if (offline.length > 0)
        facts.push(`offline ${formatCpuList(offline)}`);
    if (isolated.length > 0)
        facts.push(`isolated ${formatCpuList(isolated)}`);
    const over = maskCpus(tree.map);
    return [`  over ${over.length === 1 ? 'CPU' : 'CPUs'} ${formatCpuList(over)}: ${facts.join(', ')}`];
}
