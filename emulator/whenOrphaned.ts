/**
 * Calls `stop` once when the process that started this one is gone. For programs run by npm, which hands SIGTERM to the
 * shell it started them with, and the shell ends without handing it on.
 */
export function whenOrphaned(stop: () => void): void {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    stop();
  }, 200).unref();
}
