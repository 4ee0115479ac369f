import { createApp } from '../app.ts';
import { type Shared, shared } from '../remediation/shared.ts';
import { startTelemetry } from '../telemetry/telemetry.ts';

/** The telemetry of this process. Loaded before the first function is registered, and only where there is some to send. */
export const telemetry = await startTelemetry(process.env);

let made: Shared | undefined;

/**
 * The app of this process, made when first asked for: were settings read while the functions are registered, a wrong
 * one would leave a host that is green and has no functions. Throws SettingsError, in each invocation.
 */
export function remediator(): Shared {
  made ??= shared(createApp(process.env), telemetry);
  return made;
}
