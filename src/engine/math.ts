/**
 * exp and ln that give the same bits on every engine: only + - * / and exact scaling by powers of two. `Math.exp` and
 * `Math.log` may differ in the last bit between engines, and one bit is a different trace.
 */

/** e^x, to about 1e-15 relative, for |x| up to 700. */
export function exp(x: number): number {
  if (x > 700) return Number.POSITIVE_INFINITY;
  if (x < -700) return 0;
  const n = Math.round(x / Math.LN2);
  const r = x - n * Math.LN2;
  let term = 1;
  let sum = 1;
  for (let i = 1; i < 20; i++) {
    term = (term * r) / i;
    sum += term;
  }
  return scale(sum, n);
}

/** Natural logarithm of x > 0. */
export function ln(x: number): number {
  if (x <= 0) return Number.NEGATIVE_INFINITY;
  let n = 0;
  while (x > Math.SQRT2) {
    x /= 2;
    n++;
  }
  while (x < Math.SQRT2 / 2) {
    x *= 2;
    n--;
  }
  // ln x = 2 artanh((x - 1) / (x + 1))
  const z = (x - 1) / (x + 1);
  const zz = z * z;
  let power = z;
  let sum = 0;
  for (let i = 1; i < 40; i += 2) {
    sum += power / i;
    power *= zz;
  }
  return 2 * sum + n * Math.LN2;
}

function scale(x: number, n: number): number {
  for (; n > 0; n--) x *= 2;
  for (; n < 0; n++) x /= 2;
  return x;
}
