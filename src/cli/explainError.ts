import { toAzureError } from '../azure/errors.ts';
import { ScopeError } from '../azure/scopeResolution.ts';
import { reasons } from '../domain/reasons.ts';
import { SettingsError } from '../settings.ts';
import { OutputError } from './reportCommand.ts';

/** What kept a command from running and what to do about it, for the operator. No stack trace. */
export function explainError(error: unknown): string {
  if (error instanceof SettingsError || error instanceof ScopeError || error instanceof OutputError) {
    return error.message;
  }
  const { kind, message } = toAzureError(error);
  if (kind === 'signed-out') {
    return `Azure did not accept our sign-in: ${message.slice(0, 300)}\n  ${reasons.failed['signed-out'].next}`;
  }
  if (kind === 'transient') {
    return `Azure could not be reached: ${message}\n  Check ARM_ENDPOINT, AZURE_CLOUD and the network, then try again.`;
  }
  if (kind === 'throttled') return `Azure asks for fewer requests: ${message}\n  Try again in some minutes.`;
  if (kind === 'unexpected') return `Something unforeseen: ${message}\n  Please report it as a defect.`;
  return `Azure refused to answer: ${message}\n  ${reasons.failed.forbidden.meaning} Grant it the Reader role on the SCOPES.`;
}
