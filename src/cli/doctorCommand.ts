import { Command } from 'commander';
import { type App, createApp } from '../app.ts';
import { type Coverage, resolveScopes } from '../azure/scopeResolution.ts';
import type { Check } from '../remediation/check.ts';
import { examine, subscriptionsOf } from '../remediation/doctor.ts';
import { exitCodes } from './exitCodes.ts';
import { explainError } from './explainError.ts';
import { exitOnInterrupt } from './interrupts.ts';
import { print, printJson, tell } from './output.ts';
import { startProgress } from './progress.ts';
import { table } from './table.ts';

/** How a run of `doctor` ended: everything is there, something needs a person, or nothing could be looked at. */
type DoctorResult = 'well' | 'gaps' | 'could-not-run';

const QUIET_MS = 1500;

/** `vm-identity doctor`. */
export function doctorCommand(): Command {
  return new Command('doctor')
    .description(
      'look at what sweeps need in every subscription in scope, and say how to mend what is missing',
    )
    .option('--json', 'print one JSON line for each check, and a closing summary line')
    .addHelpText(
      'after',
      `
Looks at settings, sign-in, scopes, rights, resource providers, identities of your own, regions and events. Writes nothing to Azure.

Examples:
  vm-identity doctor
  vm-identity doctor --json | jq 'select(.state == "missing")'`,
    )
    .action(async (options: { json?: boolean }) => {
      const result = await runDoctor(process.env, options.json === true);
      process.exitCode = {
        well: exitCodes.done,
        gaps: exitCodes.someFailed,
        'could-not-run': exitCodes.couldNotRun,
      }[result];
    });
}

/**
 * Looks at settings, sign-in, scopes, and at what sweeps need in every subscription in scope, and prints a table with a
 * fix beneath each gap; with `json`, one line for each check and a closing summary. Writes nothing to Azure.
 */
async function runDoctor(
  env: Readonly<Record<string, string | undefined>>,
  json: boolean,
): Promise<DoctorResult> {
  const checks: Check[] = [];
  let names: ReadonlyMap<string, string> = new Map();
  const finish = (result: DoctorResult): DoctorResult => {
    if (json) for (const line of jsonLines(checks)) printJson(line);
    else print(doctorText(checks, names));
    return result;
  };
  const passed = (check: string, detail: string) =>
    checks.push({ subject: '', check, state: 'ok', detail, next: '' });
  const broken = (check: string, error: unknown): DoctorResult => {
    const [detail = '', ...next] = explainError(error).split('\n');
    checks.push({ subject: '', check, state: 'missing', detail, next: next.join('\n').trim() });
    return finish('could-not-run');
  };

  let app: App;
  try {
    app = createApp(env);
    passed('settings', `EFFECT ${app.settings.policy.effect}`);
  } catch (error) {
    return broken('settings', error);
  }
  try {
    const objectId = await app.clients.signedInAs();
    passed('sign-in', objectId === undefined ? 'signed in' : `object id ${objectId}`);
  } catch (error) {
    return broken('sign-in', error);
  }
  if (!json) tell('Looking at every subscription in scope …');
  try {
    const coverage = await resolveScopes(app.clients, app.settings.scopes, app.settings.excludedScopes);
    names = coverage.subscriptionNames;
    passed('scopes', `${subscriptionsOf(coverage).length} subscriptions`);
    for (const { scope, message, next } of coverage.problems) {
      checks.push({ subject: scope, check: 'scope', state: 'missing', detail: message, next });
    }
    checks.push(...(await examineWithProgress(app, coverage, json)));
  } catch (error) {
    return broken('scopes', error);
  }
  return finish(checks.every(({ state }) => state === 'ok') ? 'well' : 'gaps');
}

async function examineWithProgress(app: App, coverage: Coverage, json: boolean): Promise<Check[]> {
  const startedAt = Date.now();
  const total = subscriptionsOf(coverage).length;
  let done = 0;
  let progress: ReturnType<typeof startProgress> | undefined;
  const checks = await examine(app, coverage, () => {
    done++;
    if (json || Date.now() - startedAt < QUIET_MS) return;
    if (progress) progress.step(false);
    else {
      exitOnInterrupt();
      progress = startProgress(process.stderr, total, 'subscriptions');
      for (let step = 0; step < done; step++) progress.step(false);
    }
  });
  progress?.stop();
  return checks;
}

function doctorText(checks: readonly Check[], names: ReadonlyMap<string, string>): string {
  const nameOf = (subject: string) => names.get(subject) ?? (subject === '' ? '-' : subject);
  const rows = checks.map(({ subject, check, state, detail }) => [nameOf(subject), check, state, detail]);
  const lines = table([['Subscription', 'Check', 'State', ''], ...rows]).split('\n');
  const fixes = ['', ...checks.map(({ next }) => next)].map((next) =>
    next === '' ? '' : `\n    → ${next.replaceAll('\n', '\n      ')}`,
  );
  return lines.map((line, index) => line + (fixes[index] ?? '')).join('\n');
}

function jsonLines(checks: readonly Check[]): object[] {
  const count = (wanted: Check['state']) => checks.filter(({ state }) => state === wanted).length;
  const summary = { ok: count('ok'), missing: count('missing'), unknown: count('unknown') };
  return [...checks, { summary }];
}
