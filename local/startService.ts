import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const LAST_WORDS_MS = 3000;

/** A program beside the host. */
export interface Service {
  readonly child: ChildProcess;
  /** Resolves with an Error when it ended by itself. Never rejects. */
  readonly died: Promise<Error>;
  /** Ends it with SIGTERM, and with SIGKILL when it does not obey. */
  stop(): Promise<void>;
}

/** Starts the program in `module` with `args`, standard output piped. It ends with this process, whatever happens to it. */
export function startService(
  name: string,
  module: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Service {
  const child = fork(join(import.meta.dirname, 'service.ts'), [module, ...args], {
    env,
    execArgv: [],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // Its own process group: Ctrl-C is for the host, which ends its services last.
    detached: true,
  });
  let words = '';
  child.stderr?.on('data', (data) => {
    words = `${words}${data}`.slice(-2000);
  });
  const exited = once(child, 'exit');
  let stopping = false;
  const died = exited.then(([code, signal]) => {
    const how = `${name} ended with ${signal ?? `exit code ${code}`}.`;
    return stopping ? new Promise<never>(() => undefined) : new Error(`${how} ${words.trim()}`.trim());
  });
  return {
    child,
    died,
    stop: async () => {
      stopping = true;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), LAST_WORDS_MS);
      await exited;
      clearTimeout(timer);
    },
  };
}
