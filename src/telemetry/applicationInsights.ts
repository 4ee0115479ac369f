import { ManagedIdentityCredential } from '@azure/identity';
import { context, createContextKey, ROOT_CONTEXT, TraceFlags, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { KnownSeverityLevel, TelemetryClient } from 'applicationinsights';
import { steadyCredential } from '../azure/steadyCredential.ts';
import { printable } from '../domain/printable.ts';
import type { Properties } from '../log.ts';
import { flushing } from './flushing.ts';
import { outbox } from './outbox.ts';
import { LONGEST_PROPERTY, type Origin, type Telemetry, type TelemetryEnv } from './telemetry.ts';
import { parseTraceParent } from './traceParent.ts';

const ORIGIN = createContextKey('origin');

/**
 * Telemetry by Application Insights. Providers of its own, nothing collected by itself and nothing sampled: requests,
 * the host's logs and thrown errors are sent by the Functions host, so that nothing arrives twice. Signs in as the
 * remediator, as local authentication is off where `infra/` deploys. Throws when the connection string is wrong.
 */
export function applicationInsights(connectionString: string, env: TelemetryEnv): Telemetry {
  if (!/(^|;)\s*InstrumentationKey=[0-9a-f-]{36}\s*(;|$)/i.test(connectionString)) {
    throw new Error('APPLICATIONINSIGHTS_CONNECTION_STRING has no InstrumentationKey.');
  }
  // The package's statistics about itself go to Microsoft's own resource; nobody asked for them.
  process.env.APPLICATION_INSIGHTS_NO_STATSBEAT ??= 'true';
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const client = new TelemetryClient(connectionString, { useGlobalProviders: false });
  const { config } = client;
  if (env.AZURE_CLIENT_ID) {
    config.aadTokenCredential = steadyCredential(
      new ManagedIdentityCredential({ clientId: env.AZURE_CLIENT_ID }),
    );
  }
  config.samplingPercentage = 100;
  config.azureMonitorOpenTelemetryOptions = {
    // The same names as the host's, so that both parts are one application on the map.
    resource: resourceFromAttributes({
      'service.name': env.WEBSITE_SITE_NAME || 'vm-identity-remediator',
      ...(env.WEBSITE_INSTANCE_ID && { 'service.instance.id': env.WEBSITE_INSTANCE_ID }),
    }),
  };
  client.initialize();
  const box = outbox(() => client.flush());
  // Handed over later, an item still belongs to the operation it was made in.
  const later = (hand: () => void) => box.add(context.bind(context.active(), hand));
  return {
    event(name, properties, measurements) {
      const event = {
        name,
        properties: texts({ ...originProperties(), ...properties }),
        measurements: numbers(measurements),
      };
      later(() => client.trackEvent(event));
    },
    metric: (name, value, dimensions) => client.trackMetric({ name, value, properties: texts(dimensions) }),
    logged(severity, message, properties) {
      const line = {
        message,
        severity: severity === 'error' ? KnownSeverityLevel.Error : KnownSeverityLevel.Warning,
        properties: texts({ ...originProperties(), ...properties }),
      };
      later(() => client.trackTrace(line));
    },
    of(origin, work) {
      const parent = parseTraceParent(origin.traceParent);
      const operation = parent
        ? trace.setSpanContext(ROOT_CONTEXT, { ...parent, traceFlags: TraceFlags.SAMPLED, isRemote: true })
        : ROOT_CONTEXT;
      return context.with(operation.setValue(ORIGIN, origin), work);
    },
    flush: flushing(box.flush),
  };
}

function originProperties(): Properties {
  const { functionName, invocationId } = (context.active().getValue(ORIGIN) ?? {}) as Partial<Origin>;
  return { functionName, invocationId };
}

function texts(properties: Properties): Record<string, string> {
  const said = Object.entries(properties).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    said.map(([name, value]) => {
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      return [name, printable(text).slice(0, LONGEST_PROPERTY)];
    }),
  );
}

function numbers(measurements: Readonly<Record<string, number | undefined>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(measurements).filter((entry): entry is [string, number] => Number.isFinite(entry[1])),
  );
}
