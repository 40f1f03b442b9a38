/** Does the workload fit the machine? What can be told before a simulation starts. */
import { UserError } from "../base/errors.js";
import { formatCpuList } from "../machine/cpumask.js";
/** Throws `UserError` (code `workload`) for tasks bound to CPUs that the machine does not have, or has offline. */
export function checkWorkloadFits(w, t) {
    for (const kind of w.kinds) {
        if (kind.cpus !== null)
            checkCpus(w, t, kind.name || kind.comm, kind.cpus);
        for (const i of kind.program) {
            if (i.op === 'setAffinity' && i.cpus !== null)
                checkCpus(w, t, kind.name || kind.comm, i.cpus);
        }
    }
}
function checkCpus(w, t, task, cpus) {
    const missing = cpus.filter((cpu) => !(cpu >= 0 && cpu < t.nrCpus));
    if (missing.length > 0) {
        throw new UserError('workload', `workload "${w.name}": task "${task}" is bound to CPU ${formatCpuList(missing)}, but machine "${t.name}" has CPUs 0-${t.nrCpus - 1}`, {}, 'choose a larger machine or another affinity');
    }
    if (cpus.every((cpu) => t.online[cpu] === 0)) {
        throw new UserError('workload', `workload "${w.name}": task "${task}" is bound to CPU ${formatCpuList(cpus)}, all offline on machine "${t.name}"`);
    }
}
