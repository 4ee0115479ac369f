#!/usr/bin/env node
import { Command } from 'commander';
import { exitCodes } from './exitCodes.ts';
import { explainCommand } from './explainCommand.ts';
import { explainError } from './explainError.ts';
import { endWithReader } from './interrupts.ts';
import { planCommand } from './planCommand.ts';
import { sweepCommand } from './sweepCommand.ts';

/** Every command, in the order of the help. Each is a file of its own. */
const commands = [planCommand, sweepCommand, explainCommand];

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
for (const command of commands) program.addCommand(command().copyInheritedSettings(program));

endWithReader(process.stdout);
endWithReader(process.stderr);
try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`vm-identity: ${explainError(error)}\n`);
  process.exitCode = exitCodes.couldNotRun;
}
