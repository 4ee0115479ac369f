import { once } from 'node:events';
import { join } from 'node:path';
import { startService } from '../local/startService.ts';

/** A part of a measurement in a process of its own, so that its CPU and memory are its own. */
export interface Process {
  /** Sends a question and resolves with the answer. One at a time. */
  ask<T>(question: string): Promise<T>;
  stop(): Promise<void>;
}

/**
 * Starts `module` of this folder with `input` as its only argument, JSON. Resolves with the first message it sends.
 * Rejects with its last words when it ends before.
 */
export async function startProcess<T>(
  module: string,
  input: unknown,
  env: Readonly<Record<string, string>> = {},
): Promise<Process & { readonly first: T }> {
  const { child, died, stop } = startService(
    `bench/${module}`,
    join(import.meta.dirname, module),
    [JSON.stringify(input)],
    { ...process.env, ...env },
  );
  // A pipe that nobody reads stops who writes to it.
  child.stdout?.resume();
  const said = async <A>(): Promise<A> => {
    const [message] = await Promise.race([
      once(child, 'message'),
      died.then((error) => Promise.reject(error)),
    ]);
    return message as A;
  };
  const first = await said<T>();
  return {
    first,
    stop,
    ask<A>(question: string) {
      const answer = said<A>();
      child.send(question);
      return answer;
    },
  };
}

/** Runs `module` to its end, which is the one message it sends. */
export async function runProcess<T>(
  module: string,
  input: unknown,
  env: Readonly<Record<string, string>> = {},
): Promise<T> {
  const { first, stop } = await startProcess<T>(module, input, env);
  await stop();
  return first;
}
