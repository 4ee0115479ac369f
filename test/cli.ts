import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Azure } from '../emulator/azure.ts';

/** Runs the command line in a process of its own, with nothing of this one's environment but the path. */
export function runCli(azure: Azure, args: string[], env: Record<string, string | undefined> = {}) {
  const clean = Object.entries({ PATH: process.env.PATH, ...azure.env, CONFIRM_AFTER_SECONDS: '0', ...env });
  const child = spawn(process.execPath, [join(import.meta.dirname, '../src/cli/main.ts'), ...args], {
    env: Object.fromEntries(clean.filter(([, value]) => value !== undefined)) as NodeJS.ProcessEnv,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (data) => stdout.push(data));
  child.stderr.on('data', (data) => stderr.push(data));
  return new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    child.once('close', (code) =>
      resolve({ code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }),
    );
  });
}

/** The JSON lines of an output. */
export function jsonLines(text: string) {
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}
