/** Functions in f64 that JavaScript does not have, for tests. */

/** The error function, by its series near 0 and a continued fraction far out. */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (a > 3) return Math.sign(x) * (1 - erfcTail(a));
  let sum = a, term = a;
  for (let n = 1; n < 100; n++) {
    term *= -a * a / n;
    sum += term / (2 * n + 1);
  }
  return Math.sign(x) * 2 / Math.sqrt(Math.PI) * sum;
}

function erfcTail(a: number): number {
  let fraction = 0;
  for (let k = 60; k >= 1; k--) fraction = k / 2 / (a + fraction);
  return Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + fraction);
}

/** 1 - erf(x) without cancellation. */
export function erfc(x: number): number {
  return x > 2 ? erfcTail(x) : 1 - erf(x);
}

/** The standard normal distribution function. */
export function normalBelow(x: number): number {
  return erfc(-x / Math.SQRT2) / 2;
}

/** 1 / (1 + e^-x) */
export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** ln(1 + e^x) */
export function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

/** Far from 0, where series of ln Γ and its derivatives are exact to f64. */
const FAR = 24;

/** ln |Γ(x)|: upwards by Γ(x + 1) = x·Γ(x), then Stirling's series. */
export function lgamma(x: number): number {
  let below = 0;
  for (; x < FAR; x++) below += Math.log(Math.abs(x));
  return (x - 0.5) * Math.log(x) - x + Math.log(2 * Math.PI) / 2 + 1 / (12 * x) - 1 / (360 * x ** 3) +
    1 / (1260 * x ** 5) - 1 / (1680 * x ** 7) - below;
}

/** The n-th derivative of the logarithmic derivative of Γ, n = 0, 1 or 2. */
export function polygamma(n: number, x: number): number {
  let below = 0;
  const factor = [1, -1, 2][n];
  for (; x < FAR; x++) below += factor / x ** (n + 1);
  const series = [
    Math.log(x) - 1 / (2 * x) - 1 / (12 * x ** 2) + 1 / (120 * x ** 4) - 1 / (252 * x ** 6) + 1 / (240 * x ** 8),
    1 / x + 1 / (2 * x ** 2) + 1 / (6 * x ** 3) - 1 / (30 * x ** 5) + 1 / (42 * x ** 7) - 1 / (30 * x ** 9),
    -1 / x ** 2 - 1 / x ** 3 - 1 / (2 * x ** 4) + 1 / (6 * x ** 6) - 1 / (6 * x ** 8) + 3 / (10 * x ** 10),
  ][n];
  return series - below;
}

/** sin(πx) / (πx) */
export function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}
