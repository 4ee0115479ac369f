import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Azure } from '../emulator/azure.ts';

/** How a run of the command line ended. */
export interface CliRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

type Env = Readonly<Record<string, string | undefined>>;

/** Runs the command line in a process of its own, with nothing of this one's environment but the path. */
export function cliAgainst(azure: Azure, args: string[], env: Env = {}): Promise<CliRun> {
  return startCli(azure, args, env).ended;
}

/** The same, with the process at hand while it runs. */
export function startCli(azure: Azure, args: string[], env: Env = {}) {
  const clean = Object.entries({ PATH: process.env.PATH, ...azure.env, CONFIRM_AFTER_SECONDS: '0', ...env });
  const child = spawn(process.execPath, [join(import.meta.dirname, '../src/cli/main.ts'), ...args], {
    env: Object.fromEntries(clean.filter(([, value]) => value !== undefined)) as NodeJS.ProcessEnv,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return { child, ended: ended(child) };
}

/** Lines of JSON, read. */
// biome-ignore lint/suspicious/noExplicitAny: what the lines hold is what the tests assert.
export function jsonLines(text: string): any[] {
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

function ended(child: ChildProcess): Promise<CliRun> {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout?.on('data', (data) => stdout.push(data));
  child.stderr?.on('data', (data) => stderr.push(data));
  return new Promise((resolve) => {
    child.once('close', (code) =>
      resolve({ code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }),
    );
  });
}
