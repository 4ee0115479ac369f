import { Presets, SingleBar } from 'cli-progress';

/** Shows how far a sweep is. */
export interface Progress {
  /** One more VM has ended. */
  step(failed: boolean): void;
  stop(): void;
}

const PLAIN_STEPS = 10;

/**
 * Shows progress over `total` things: a bar with rate and time left on a terminal, plain lines elsewhere. The bar gives
 * the terminal back when it is stopped and when the process exits; a signal that kills the process is no exit.
 */
export function startProgress(stream: NodeJS.WriteStream, total: number, things = 'VMs'): Progress {
  return stream.isTTY ? bar(stream, total, things) : plainLines(stream, total, things);
}

function bar(stream: NodeJS.WriteStream, total: number, things: string): Progress {
  const startedAt = Date.now();
  let failed = 0;
  const single = new SingleBar(
    {
      stream,
      format: `  {bar} {percentage}%  {value}/{total} ${things}  {rate}/s  {eta_formatted} left{failures}`,
      barsize: Math.max(10, Math.min(40, (stream.columns ?? 80) - 60)),
      hideCursor: true,
      linewrap: false,
    },
    Presets.shades_classic,
  );
  single.start(total, 0, { rate: '0', failures: '' });
  // Else a process that leaves in the middle leaves a terminal without cursor and line wrap.
  const stop = (): void => single.stop();
  process.once('exit', stop);
  let done = 0;
  return {
    step(hasFailed) {
      done++;
      if (hasFailed) failed++;
      const rate = (done / Math.max(0.001, (Date.now() - startedAt) / 1000)).toFixed(1);
      single.update(done, { rate, failures: failed > 0 ? `  ${failed} failed` : '' });
    },
    stop() {
      process.off('exit', stop);
      stop();
    },
  };
}

function plainLines(stream: NodeJS.WriteStream, total: number, things: string): Progress {
  let done = 0;
  let failed = 0;
  let shown = 0;
  return {
    step(hasFailed) {
      done++;
      if (hasFailed) failed++;
      const tenth = Math.floor((done / total) * PLAIN_STEPS);
      if (tenth === shown) return;
      shown = tenth;
      stream.write(`${done} of ${total} ${things} done${failed > 0 ? `, ${failed} failed` : ''}\n`);
    },
    stop: () => undefined,
  };
}
