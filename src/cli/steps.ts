/** Long work done in steps. */

/** How long signals may have to wait, ms. */
const PAUSE_MS = 50;

/** Takes all steps, and lets signals through now and then. */
export async function finish<T>(steps: Generator<void, T>): Promise<T> {
  for (let paused = performance.now(); ; ) {
    const { done, value } = steps.next();
    if (done === true) return value;
    if (performance.now() - paused < PAUSE_MS) continue;
    await new Promise((resolve) => setImmediate(resolve));
    paused = performance.now();
  }
}
