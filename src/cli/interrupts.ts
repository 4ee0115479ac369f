/** Whether somebody asked the command to stop. */
export interface Interrupts {
  /** True once Ctrl-C was pressed, the process was told to end, or nobody reads its output any more. */
  readonly stopped: boolean;
}

const KILLED_BY_CTRL_C = 130;
let watching: { stopped: boolean } | undefined;

/**
 * From now on the first Ctrl-C (or SIGTERM) only asks to stop, so that what was begun can be finished; the second one
 * leaves at once with exit code 130.
 */
export function watchInterrupts(): Interrupts {
  if (watching) return watching;
  const state = { stopped: false };
  watching = state;
  const stop = (): void => {
    if (state.stopped) process.exit(KILLED_BY_CTRL_C);
    state.stopped = true;
    process.stderr.write(
      '\nStopping: what was begun is being finished. Press Ctrl-C again to leave at once.\n',
    );
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return state;
}

/** From now on Ctrl-C (or SIGTERM) exits at once, with 130, instead of killing: so the terminal is given back. */
export function exitOnInterrupt(): void {
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(KILLED_BY_CTRL_C));
}

/**
 * A reader that has seen enough, such as `head`, closes the pipe: no reason to complain. A command that watches
 * interrupts finishes what it began; every other one has nobody left to work for, and ends.
 */
export function endWithReader(stream: NodeJS.WriteStream): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    if (!watching) process.exit();
    watching.stopped = true;
  });
}
