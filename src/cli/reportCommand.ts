import { createWriteStream } from 'node:fs';
import { resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Command, Option } from 'commander';
import { createApp } from '../app.ts';
import { resolveScopes } from '../azure/scopeResolution.ts';
import type { Log } from '../log.ts';
import { gatherReport } from '../remediation/gatherReport.ts';
import { planSweep } from '../remediation/plan.ts';
import { type Format, formats } from '../report/formats.ts';
import { shareText } from '../report/share.ts';
import { exitCodes } from './exitCodes.ts';
import { print, tell } from './output.ts';

interface ReportCommandOptions {
  readonly format: Format;
  /** A file, or `-` for stdout. Default `vm-identity-report.{format}` in the working folder. */
  readonly output?: string;
  /** Also list VMs that carry their goal identity. */
  readonly all?: boolean;
}

// A person waits for it, on a machine with more memory than a function has.
const MOST_ROWS = 250_000;

/** The report was made and could not be put where it should go. */
export class OutputError extends Error {
  override readonly name = 'OutputError';
}

/** `vm-identity report`. */
export function reportCommand(): Command {
  return new Command('report')
    .description('write how every VM in scope stands, why, and what needs a person; changes nothing')
    .addOption(
      new Option('--format <format>', 'form of the report').choices(['html', 'json', 'csv']).default('html'),
    )
    .option('--output <file>', 'where to write it; - for stdout (default: vm-identity-report.<format>)')
    .option('--all', 'also list the VMs that carry their goal identity')
    .addHelpText(
      'after',
      `
Trend and last outcomes are in it when AzureWebJobsStorage names the storage of the app. docs/report.md has its form.

Examples:
  vm-identity report
  vm-identity report --format json --output - | jq '.problems'`,
    )
    .action(async (options: ReportCommandOptions) => {
      const clean = await runReport(process.env, options);
      process.exitCode = clean ? exitCodes.done : exitCodes.someFailed;
    });
}

/**
 * Makes the compliance report from Resource Graph, reading no VM and writing nothing to Azure. Trend and last outcomes
 * are in it when the settings name the app's storage account. Returns true when nothing needs a person. Throws what
 * keeps it from being made, OutputError when the file cannot be written.
 */
async function runReport(
  env: Readonly<Record<string, string | undefined>>,
  { format, output = `vm-identity-report.${format}`, all = false }: ReportCommandOptions,
): Promise<boolean> {
  const app = createApp(env);
  const { clients, settings } = app;
  tell('Asking Resource Graph for every VM in scope …');
  const coverage = await resolveScopes(clients, settings.scopes, settings.excludedScopes);
  const plan = await planSweep(app, coverage);
  const report = await gatherReport(app, { coverage, plan, all, mostRows: MOST_ROWS }, stderrLog);
  const text = Readable.from(formats[format].write(report));
  try {
    await pipeline(text, output === '-' ? process.stdout : createWriteStream(output));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return true;
    throw new OutputError(`The report cannot be written to ${output}: ${(error as Error).message}`);
  }
  const { tenant, rows, problems, unlisted } = report;
  const said = [
    `${shareText(tenant)} compliant: ${tenant.compliant} of ${tenant.vms} VMs; ${tenant.lacking} lack their identity, ${tenant.excluded} are excluded.`,
    `${rows.length} VMs listed.`,
    ...unlisted.map(({ vms, why }) => `${vms} not listed: ${why}.`),
    ...(problems.length > 0 ? [`Need a person: ${problems.length}.`] : []),
  ];
  tell(said.join('\n'));
  if (output !== '-') print(resolve(output));
  return problems.length === 0;
}

const write = (message: string, properties?: Readonly<Record<string, unknown>>): void => {
  const about = properties === undefined ? '' : `: ${Object.values(properties).join(', ')}`;
  tell(`${message}${about}`);
};
const stderrLog: Log = { debug: () => undefined, info: () => undefined, warn: write, error: write };
