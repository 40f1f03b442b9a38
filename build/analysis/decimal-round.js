/**
 * Rounding to a number of decimal places, as the records of the kernel lab do it: the number is taken exactly as it is
 * stored, and what lies exactly half-way goes to the even digit.
 */
export function roundTo(x, digits) {
    // toFixed is exact, but takes the larger of two that are equally near
    const text = x.toFixed(digits);
    const rounded = Number(text);
    const isOdd = Number(text.at(-1)) % 2 === 1;
    // only odd multiples of 2^-(digits + 1) can be half-way between two decimals of so many places
    const isHalfWay = Math.abs((x * (1 << (digits + 1))) % 2) === 1;
    return isOdd && isHalfWay ? Number((x - (rounded - x)).toFixed(digits)) : rounded;
}
