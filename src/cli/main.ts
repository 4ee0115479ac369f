#!/usr/bin/env node
import { Command, Option } from 'commander';
import { runDoctor } from './doctorCommand.ts';
import { explainError } from './explainError.ts';
import { type ReportCommandOptions, runReport } from './reportCommand.ts';
import { runSweep } from './sweepCommand.ts';

/** Exit codes of every command: done, some VMs failed, could not run. */
export const exitCodes = { done: 0, someFailed: 1, couldNotRun: 2 } as const;

const program = new Command('vm-identity')
  .description(
    'Keeps the user-assigned identity of its subscription and region on every virtual machine in scope.',
  )
  .addHelpText(
    'after',
    '\nSettings come from environment variables; the README lists them. SCOPES is the one that is required.' +
      '\nExit codes: 0 done, 1 some VMs failed or something needs a person, 2 could not run.',
  )
  .exitOverride((end) => process.exit(end.exitCode === 0 ? exitCodes.done : exitCodes.couldNotRun));

program
  .command('sweep')
  .description('find every VM in scope that lacks its identity, and assign it')
  .option('--json', 'print one JSON line for each VM looked at, and a closing summary line')
  .action(async (options: { json?: boolean }) => {
    const clean = await runSweep(process.env, options.json === true);
    process.exitCode = clean ? exitCodes.done : exitCodes.someFailed;
  });

program
  .command('doctor')
  .description('look at what sweeps need in every subscription in scope, and say how to mend what is missing')
  .option('--json', 'print one JSON line for each check, and a closing summary line')
  .action(async (options: { json?: boolean }) => {
    const result = await runDoctor(process.env, options.json === true);
    process.exitCode = {
      well: exitCodes.done,
      gaps: exitCodes.someFailed,
      'could-not-run': exitCodes.couldNotRun,
    }[result];
  });

program
  .command('report')
  .description('write how every VM in scope stands, why, and what needs a person; changes nothing')
  .addOption(
    new Option('--format <format>', 'form of the report').choices(['html', 'json', 'csv']).default('html'),
  )
  .option('--output <file>', 'where to write it; - for stdout (default: vm-identity-report.<format>)')
  .option('--all', 'also list the VMs that carry their goal identity')
  .action(async (options: ReportCommandOptions) => {
    const clean = await runReport(process.env, options);
    process.exitCode = clean ? exitCodes.done : exitCodes.someFailed;
  });

// A reader that has seen enough, such as `head`, closes the pipe: no reason to complain.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(exitCodes.done);
});

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`vm-identity: ${explainError(error)}\n`);
  process.exitCode = exitCodes.couldNotRun;
}
