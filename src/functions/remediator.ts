import { createApp } from '../app.ts';
import { type Shared, shared } from '../remediation/shared.ts';

let made: Shared | undefined;

/**
 * The app of this process, made when first asked for: were settings read while the functions are registered, a wrong
 * one would leave a host that is green and has no functions. Throws SettingsError, in each invocation.
 */
export function remediator(): Shared {
  made ??= shared(createApp(process.env));
  return made;
}
