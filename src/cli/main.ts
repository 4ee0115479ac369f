#!/usr/bin/env node
import { Command } from 'commander';
import { doctorCommand } from './doctorCommand.ts';
import { exitCodes } from './exitCodes.ts';
import { explainCommand } from './explainCommand.ts';
import { explainError } from './explainError.ts';
import { endWithReader } from './interrupts.ts';
import { planCommand } from './planCommand.ts';
import { reportCommand } from './reportCommand.ts';
import { rollbackCommand } from './rollbackCommand.ts';
import { sweepCommand } from './sweepCommand.ts';

/** Every command, in the order of the help. Each is a file of its own. */
const commands = [doctorCommand, planCommand, sweepCommand, explainCommand, rollbackCommand, reportCommand];

const program = new Command('vm-identity')
  .description(
    'Keeps the user-assigned identity of its subscription and region on every virtual machine in scope.',
  )
  .addHelpText(
    'after',
    `
Settings come from environment variables; the README lists them. SCOPES is the one that is required.
Sign-in is that of az login, which pipelines do with azure/login or AzureCLI@2. Leave AZURE_CLIENT_ID unset there: set,
it means a managed identity of this machine.

Exit codes:
  0    done
  1    some VMs failed, something needs a person, or it was stopped before its end
  2    could not run
  130  left at the second Ctrl-C

Examples:
  export SCOPES=/providers/Microsoft.Management/managementGroups/contoso
  vm-identity doctor
  vm-identity plan
  vm-identity sweep
  vm-identity explain /subscriptions/…/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm-1`,
  )
  .addHelpText('afterAll', '\nFrom a clone, write "npm run -s cli --" in place of "vm-identity".')
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
