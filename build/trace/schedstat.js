/**
 * /proc/schedstat: reading it, printing it, and the difference of two. @spec 09 §1
 *
 *   version 15
 *   timestamp 4294892854
 *   cpu0 0 0 112 51 49 19 753587032 117829215 377           9 numbers
 *   domain0 f 27 27 0 0 0 0 0 27 0 0 ... 30 1 0             mask, three blocks of 8, 12 more
 *
 *            blocks in the order of     a block                             a domain line begins with
 *   15       idle, busy, newidle        8 numbers, imbalance is one sum     domain0 <mask>
 *   16       busy, idle, newidle        as 15                               as 15
 *   17       busy, idle, newidle        11: imbalance by type, four sums    domain0 <name> <mask>
 *
 * Counters of the kernel have 32 bits and wrap, but for the times and the count that end a cpu line. In a snapshot all are
 * plain numbers, which a simulation may let grow; printing wraps them, and the difference is right across one wrap.
 */
import { assert, UserError } from "../base/errors.js";
import { formatCpuMaskHex, maskEqual } from "../machine/cpumask.js";
import { MAX_CPUS } from "../machine/topology.js";
export const SCHEDSTAT_VERSIONS = [15, 16, 17];
export const IDLE_TYPES = ['idle', 'busy', 'newidle'];
const REST = [
    'albCount',
    'albFailed',
    'albPushed',
    'sbeCount',
    'sbeBalanced',
    'sbePushed',
    'sbfCount',
    'sbfBalanced',
    'sbfPushed',
    'ttwuWakeRemote',
    'ttwuMoveAffine',
    'ttwuMoveBalance',
];
/** Imbalance types of version 17. */
const NR_TYPES = 4;
function blockOrder(version) {
    return version === 15 ? ['idle', 'busy', 'newidle'] : ['busy', 'idle', 'newidle'];
}
function blockLength(version) {
    return version === 17 ? 7 + NR_TYPES : 8;
}
/** How many numbers a domain line has. */
function domainLength(version) {
    return 3 * blockLength(version) + REST.length;
}
/** A domain from its numbers in the order of the line; a simulation keeps them so, too. */
export function domainStat(version, name, mask, numbers) {
    assert(numbers.length === domainLength(version), 'a domain line has all its numbers');
    const length = blockLength(version);
    const types = version === 17 ? NR_TYPES : 1;
    const blocks = blockOrder(version).map((idle, i) => {
        const at = (offset) => numbers[i * length + offset];
        const imbalances = Array.from({ length: types }, (_, type) => at(3 + type));
        const rest = 3 + types;
        return [
            idle,
            {
                count: at(0),
                balanced: at(1),
                failed: at(2),
                imbalance: imbalances.reduce((sum, x) => sum + x, 0),
                imbalanceByType: version === 17 ? imbalances : null,
                gained: at(rest),
                hotGained: at(rest + 1),
                nobusyq: at(rest + 2),
                nobusyg: at(rest + 3),
            },
        ];
    });
    const rest = REST.map((counter, i) => [counter, numbers[3 * length + i]]);
    return { name, mask, balance: Object.fromEntries(blocks), ...Object.fromEntries(rest) };
}
/** The numbers of a domain in the order of the line of that version. */
function domainNumbers(version, domain) {
    const blocks = blockOrder(version).flatMap((idle) => {
        const b = domain.balance[idle];
        assert(version !== 17 || b.imbalanceByType !== null, 'version 17 needs the imbalance by type');
        const imbalances = version === 17 ? b.imbalanceByType : [b.imbalance];
        return [b.count, b.balanced, b.failed, ...imbalances, b.gained, b.hotGained, b.nobusyq, b.nobusyg];
    });
    return [...blocks, ...REST.map((counter) => domain[counter])];
}
/** The file's text, in the layout of the snapshot's version or another. */
export function formatSchedstat(stat, version = stat.version) {
    const lines = [`version ${version}`, `timestamp ${stat.timestamp}`];
    for (const c of stat.cpus) {
        const counts = [c.schedCount, c.schedGoidle, c.ttwuCount, c.ttwuLocal].map(wrap32);
        lines.push(`cpu${c.cpu} ${wrap32(c.yldCount)} 0 ${counts.join(' ')} ${print64(c.rqCpuTime)} ${print64(c.runDelay)} ${print64(c.pcount)}`);
        c.domains.forEach((domain, i) => {
            const name = version === 17 ? ` ${domain.name}` : '';
            const numbers = domainNumbers(version, domain).map(wrap32);
            lines.push(`domain${i}${name} ${formatCpuMaskHex(domain.mask, stat.nrCpuIds)} ${numbers.join(' ')}`);
        });
    }
    return `${lines.join('\n')}\n`;
}
/** As the 32 bits of an unsigned counter. */
function wrap32(value) {
    return ((value % 2 ** 32) + 2 ** 32) % 2 ** 32;
}
/** Without an exponent, however large. */
function print64(value) {
    return value <= Number.MAX_SAFE_INTEGER ? `${value}` : BigInt(value).toString();
}
/** Reads a file's text. Throws `UserError` with the line for one that is not of a known version, or not whole. */
export function parseSchedstat(text) {
    return new SchedstatReader(text).read();
}
class SchedstatReader {
    #lines;
    #version = 15;
    /** Digits of the masks, with commas; all are of one width. */
    #maskLength = 0;
    #line = 0;
    constructor(text) {
        this.#lines = text.trimEnd().split('\n');
    }
    read() {
        this.#version = this.#readVersion();
        const timestamp = this.#readTimestamp();
        const cpus = [];
        let domains = [];
        for (this.#line = 2; this.#line < this.#lines.length; this.#line++) {
            const words = this.#words();
            const [, kind, digits] = /^(cpu|domain)(\d+)$/.exec(words[0] ?? '') ?? [];
            const number = Number(digits);
            if (kind === 'cpu') {
                if (number >= MAX_CPUS)
                    this.#fail(`CPU ${digits} is beyond the ${MAX_CPUS} that there can be`);
                if (number <= (cpus.at(-1)?.cpu ?? -1))
                    this.#fail('CPUs are not in ascending order');
                domains = [];
                cpus.push({ ...this.#readCpu(number, words), domains });
            }
            else if (kind === 'domain') {
                if (cpus.length === 0)
                    this.#fail('a domain comes before the first CPU');
                if (number !== domains.length)
                    this.#fail(`domain${domains.length} is missing`);
                domains.push(this.#readDomain(words));
            }
            else
                this.#fail(`"${words[0] ?? ''}" is neither a CPU nor a domain`);
        }
        return { version: this.#version, timestamp, nrCpuIds: this.#nrCpuIds((cpus.at(-1)?.cpu ?? 0) + 1), cpus };
    }
    #readVersion() {
        const m = /^version (\d+)$/.exec(this.#lines[0]?.trim() ?? '');
        if (m === null)
            this.#fail('this is no schedstat: it does not begin with its version');
        const version = SCHEDSTAT_VERSIONS.find((v) => v === Number(m[1]));
        if (version === undefined) {
            this.#fail(`version ${m[1]} of schedstat is not known`, `known: ${SCHEDSTAT_VERSIONS.join(', ')}`);
        }
        return version;
    }
    #readTimestamp() {
        this.#line = 1;
        const words = this.#words();
        if (words[0] !== 'timestamp' || words.length !== 2)
            this.#fail('the timestamp is missing');
        return this.#number(words[1]);
    }
    #readCpu(cpu, words) {
        const n = this.#numbers(words.slice(1), 9, 'a CPU');
        return {
            cpu,
            yldCount: n[0],
            schedCount: n[2],
            schedGoidle: n[3],
            ttwuCount: n[4],
            ttwuLocal: n[5],
            rqCpuTime: n[6],
            runDelay: n[7],
            pcount: n[8],
        };
    }
    #readDomain(words) {
        const named = this.#version === 17;
        const mask = this.#mask(words[named ? 2 : 1] ?? '');
        const numbers = this.#numbers(words.slice(named ? 3 : 2), domainLength(this.#version), 'a domain');
        return domainStat(this.#version, named ? words[1] : '', mask, numbers);
    }
    #numbers(words, count, of) {
        if (words.length !== count) {
            this.#fail(`${of} has ${words.length} numbers instead of the ${count} of version ${this.#version}`);
        }
        return words.map((word) => this.#number(word));
    }
    #number(word) {
        if (!/^\d{1,20}$/.test(word))
            this.#fail(`"${word}" is no number`);
        return Number(word);
    }
    /** `ff,ffffffff`: words of 32 bits in hex, the most significant first. */
    #mask(text) {
        if (!/^[0-9a-f]{1,8}(,[0-9a-f]{8})*$/.test(text))
            this.#fail(`"${text}" is no CPU mask`);
        if (this.#maskLength === 0)
            this.#maskLength = text.length;
        if (text.length !== this.#maskLength)
            this.#fail('the masks are not all of one width');
        if (this.#nrCpuIds(0) > MAX_CPUS)
            this.#fail(`a mask of more than ${MAX_CPUS} CPUs`);
        const groups = text.split(',');
        return Uint32Array.from(groups.reverse(), (group) => Number.parseInt(group, 16));
    }
    /** Bits of the masks; `fallback` if there was none. */
    #nrCpuIds(fallback) {
        const digits = this.#maskLength - Math.floor(this.#maskLength / 9);
        return digits === 0 ? fallback : digits * 4;
    }
    #words() {
        return (this.#lines[this.#line] ?? '').trim().split(/\s+/);
    }
    #fail(what, hint = '') {
        throw new UserError('format', what, { line: this.#line + 1 }, hint);
    }
}
/**
 * What was counted from one snapshot to the next. A CPU or a domain that was not there before, or had another span, counts
 * from nothing: the kernel starts the counters of new domains at 0.
 */
export function schedstatDelta(before, after) {
    if (before.version !== after.version) {
        const what = `snapshots of versions ${before.version} and ${after.version} of schedstat cannot be compared`;
        throw new UserError('format', what, {}, 'take both on one kernel');
    }
    const old = new Map(before.cpus.map((c) => [c.cpu, c]));
    const cpus = after.cpus.map((c) => cpuDelta(old.get(c.cpu), c));
    return { ...after, timestamp: after.timestamp - before.timestamp, cpus };
}
function cpuDelta(before, after) {
    if (before === undefined)
        return after;
    const since = (counter) => wrap32(after[counter] - before[counter]);
    return {
        cpu: after.cpu,
        yldCount: since('yldCount'),
        schedCount: since('schedCount'),
        schedGoidle: since('schedGoidle'),
        ttwuCount: since('ttwuCount'),
        ttwuLocal: since('ttwuLocal'),
        rqCpuTime: after.rqCpuTime - before.rqCpuTime,
        runDelay: after.runDelay - before.runDelay,
        pcount: after.pcount - before.pcount,
        domains: after.domains.map((domain, i) => domainDelta(before.domains[i], domain)),
    };
}
function domainDelta(before, after) {
    if (before === undefined || before.name !== after.name || !maskEqual(before.mask, after.mask))
        return after;
    const balance = IDLE_TYPES.map((idle) => [idle, balanceDelta(before.balance[idle], after.balance[idle])]);
    const rest = REST.map((counter) => [counter, wrap32(after[counter] - before[counter])]);
    return { ...after, balance: Object.fromEntries(balance), ...Object.fromEntries(rest) };
}
function balanceDelta(before, after) {
    const since = (counter) => wrap32(after[counter] - before[counter]);
    const byType = after.imbalanceByType?.map((sum, type) => wrap32(sum - (before.imbalanceByType?.[type] ?? 0))) ?? null;
    return {
        count: since('count'),
        balanced: since('balanced'),
        failed: since('failed'),
        // each type wraps by itself, so their sum is no counter of its own
        imbalance: byType === null ? since('imbalance') : byType.reduce((sum, x) => sum + x, 0),
        imbalanceByType: byType,
        gained: since('gained'),
        hotGained: since('hotGained'),
        nobusyq: since('nobusyq'),
        nobusyg: since('nobusyg'),
    };
}
