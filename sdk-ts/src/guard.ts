/**
 * Runs a function of the application. A fault in it is its own: it surfaces as an uncaught error,
 * as from an event listener of the platform, and stops nothing here.
 */
export function guarded(run: () => void): void {
  try {
    run();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
