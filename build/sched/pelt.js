/**
 * Per-entity load tracking: geometric sums of load, runnable and running time, halved every 32 periods of 1024 us.
 *
 *   sum' = sum * y^p + contributions      y^32 = 1/2, p periods crossed
 *   avg  = sum / (46718 + time into the current period)
 *
 * All values are the kernel's integers, held in doubles below 2^53; the one product that does not fit is split.
 * Only the arithmetic is here; who is updated when is in `load-avg.ts`. @spec 03 §1-4
 */
/** What a sum converges to: 1024 * (1 + y + y^2 + ...), in integers. */
export const LOAD_AVG_MAX = 47742;
/** The divider at the beginning of a period. */
export const PELT_MIN_DIVIDER = LOAD_AVG_MAX - 1024;
import { LAST_UPDATE, LOAD_SUM, loadAvg, now, PERIOD_CONTRIB, RUNNABLE_SUM, runnableAvg, SUM_ROW, sums, UTIL_SUM, utilAvg, } from "./averages.js";
const TWO_32 = 4294967296;
/** Dividing by a power of two is multiplying by its exact inverse, and that is much faster. */
const INV_1024 = 1 / 1024;
const INV_2_16 = 1 / 65536;
/** Beyond so many periods nothing is left. */
const MAX_PERIODS = 2016;
/** floor((2^32 - 1) * y^i) */
const INVERSE = Float64Array.of(0xffffffff, 0xfa83b2da, 0xf5257d14, 0xefe4b99a, 0xeac0c6e6, 0xe5b906e6, 0xe0ccdeeb, 0xdbfbb796, 0xd744fcc9, 0xd2a81d91, 0xce248c14, 0xc9b9bd85, 0xc5672a10, 0xc12c4cc9, 0xbd08a39e, 0xb8fbaf46, 0xb504f333, 0xb123f581, 0xad583ee9, 0xa9a15ab4, 0xa5fed6a9, 0xa2704302, 0x9ef5325f, 0x9b8d39b9, 0x9837f050, 0x94f4efa8, 0x91c3d373, 0x8ea4398a, 0x8b95c1e3, 0x88980e80, 0x85aac367, 0x82cd8698);
/** The inverses cut into their upper and lower 16 bits. */
const INVERSE_HIGH = INVERSE.map((v) => Math.floor(v / 65536));
const INVERSE_LOW = INVERSE.map((v) => v % 65536);
/** y^32 is 1/2: the halvings of whole blocks of 32 periods. */
const HALVINGS = Float64Array.from({ length: 64 }, (_, n) => 1 / 2 ** n);
/** `value * y^periods`, as the kernel rounds it. `value` below 2^37. @spec 03 §2 */
export function decay(value, periods) {
    if (periods >= 32) {
        if (periods > MAX_PERIODS)
            return 0;
        value = Math.floor(value * HALVINGS[periods >>> 5]);
        periods &= 31;
    }
    // floor(value * inverse / 2^32) in two exact halves
    const low = Math.floor(value * INVERSE_LOW[periods] * INV_2_16);
    return Math.floor((value * INVERSE_HIGH[periods] + low) * INV_2_16);
}
/** The full periods between the tail of the old and the head of the new one, by periods crossed. @spec 03 §3 */
const FULL_PERIODS = Float64Array.from({ length: MAX_PERIODS + 2 }, (_, p) => LOAD_AVG_MAX - decay(LOAD_AVG_MAX, p) - 1024);
/** After so many periods everything is gone, and only full periods are to be added. */
const ALL_PERIODS = FULL_PERIODS[MAX_PERIODS + 1];
/**
 * Accumulates up to `avg.now[0]` into the sums of average `i`. `load`, `runnable` and `running` are what it was since the
 * last update. True if a period boundary was crossed: only then are the averages to be brought up to date.
 * The decay of `decay` is written out for each sum: called, it would cost more than it does. @spec 03 §3
 */
export function updateSum(i, load, runnable, running) {
    const row = i * SUM_ROW;
    const last = sums[row + LAST_UPDATE];
    const elapsed = now[0] - last;
    if (elapsed < 1024) {
        // Time going back (a clock that was re-synchronised) starts over from there.
        if (elapsed < 0)
            sums[row + LAST_UPDATE] = now[0];
        return false;
    }
    const delta = Math.floor(elapsed * INV_1024);
    const into = sums[row + PERIOD_CONTRIB];
    let loadSum = sums[row + LOAD_SUM];
    let runnableSum = sums[row + RUNNABLE_SUM];
    let utilSum = sums[row + UTIL_SUM];
    let contrib = delta;
    let head = delta + into;
    const crossed = head >= 1024;
    if (crossed) {
        const periods = Math.floor(head * INV_1024);
        head -= periods * 1024;
        if (periods > MAX_PERIODS) {
            loadSum = 0;
            runnableSum = 0;
            utilSum = 0;
            contrib = ALL_PERIODS + head;
        }
        else {
            const p = periods & 31;
            const high = INVERSE_HIGH[p];
            const low = INVERSE_LOW[p];
            const tail = decay(1024 - into, periods);
            if (periods >= 32) {
                const halve = HALVINGS[periods >>> 5];
                loadSum = Math.floor(loadSum * halve);
                runnableSum = Math.floor(runnableSum * halve);
                utilSum = Math.floor(utilSum * halve);
            }
            loadSum = Math.floor((loadSum * high + Math.floor(loadSum * low * INV_2_16)) * INV_2_16);
            runnableSum = Math.floor((runnableSum * high + Math.floor(runnableSum * low * INV_2_16)) * INV_2_16);
            utilSum = Math.floor((utilSum * high + Math.floor(utilSum * low * INV_2_16)) * INV_2_16);
            contrib = tail + FULL_PERIODS[periods] + head;
        }
    }
    if (load !== 0) {
        loadSum += load * contrib;
        runnableSum += runnable * contrib * 1024;
        if (running !== 0)
            utilSum += contrib * 1024;
    }
    sums[row + LAST_UPDATE] = last + delta * 1024;
    sums[row + LOAD_SUM] = loadSum;
    sums[row + RUNNABLE_SUM] = runnableSum;
    sums[row + UTIL_SUM] = utilSum;
    sums[row + PERIOD_CONTRIB] = head;
    return crossed;
}
/** The averages from the sums. @spec 03 §4 */
export function updateAvg(i, weight) {
    const row = i * SUM_ROW;
    const divider = PELT_MIN_DIVIDER + sums[row + PERIOD_CONTRIB];
    loadAvg[i] = Math.floor((weight * sums[row + LOAD_SUM]) / divider);
    runnableAvg[i] = Math.floor(sums[row + RUNNABLE_SUM] / divider);
    utilAvg[i] = Math.floor(sums[row + UTIL_SUM] / divider);
}
/** `avg` and `sum` both 0, nothing to decay. */
export function fullyDecayed(i) {
    const row = i * SUM_ROW;
    return sums[row + LOAD_SUM] === 0 && sums[row + UTIL_SUM] === 0 && sums[row + RUNNABLE_SUM] === 0;
}
/**
 * A sum must not fall below what its average stands for. The kernel compares as 32-bit integers, and so loses the upper
 * bits of a very large sum; that is reproduced. @spec 03 §5.1
 */
export function atLeastAverage(sum, average) {
    const floor = average * PELT_MIN_DIVIDER;
    if (sum < TWO_32 && floor < TWO_32)
        return sum > floor ? sum : floor;
    const a = sum % TWO_32;
    const b = floor % TWO_32;
    return a > b ? a : b;
}
