import { randomUUID } from 'node:crypto';
import type { EventSubscription, ProvisioningState } from './eventSubscriptions.ts';
import { azureTime } from './payload.ts';
import { type Answered, statusName, type WebhookRequest, type Webhooks } from './webhooks.ts';

/** A webhook that did not agree to get events. The message is Event Grid's. */
export class HandshakeError extends Error {
  override readonly name = 'HandshakeError';
}

/** How long the validation URL is good, in minutes (webhook-event-delivery; the error texts still say 10). */
export const MANUAL_VALIDATION_MINUTES = 5;
const ORIGIN = 'eventgrid.azure.net';

/**
 * Asks a webhook whether it wants the events. `Succeeded` when it said so; `AwaitingManualAction` when it took the question
 * without an answer, so that a GET of `validationUrl` has to follow. Throws HandshakeError otherwise. Source:
 * webhook-event-delivery, and the CloudEvents web hook specification, section 4.
 */
export async function handshake(
  subscription: EventSubscription,
  validationUrl: string,
  now: number,
  webhooks: Webhooks,
  signal: AbortSignal,
): Promise<ProvisioningState> {
  const cloudEvents = subscription.eventDeliverySchema === 'CloudEventSchemaV1_0';
  const question = cloudEvents
    ? permissionQuestion(subscription, validationUrl)
    : validationQuestion(subscription, validationUrl, now);
  const { request, expected } = question;
  const answer = await webhooks.send(request, signal);
  // "202 Accepted isn't recognized as a valid validation response."
  if ('failure' in answer || answer.status !== 200) {
    const why = 'failure' in answer ? ` (${answer.failure}: ${answer.detail})` : '';
    throw failed(request, `request failed with response code ${statusName(answer.status)}${why}.`);
  }
  const given = question.given(answer);
  if (given === undefined) return 'AwaitingManualAction';
  if (!expected.includes(String(given))) {
    throw failed(request, `answer has ${question.where} '${given}', expected '${expected.join("' or '")}'.`);
  }
  return 'Succeeded';
}

interface Question {
  readonly request: WebhookRequest;
  /** Answers that agree. */
  readonly expected: readonly string[];
  /** What was answered; undefined when nothing was. */
  given(answer: Answered): unknown;
  readonly where: string;
}

function failed({ url, method }: WebhookRequest, what: string): HandshakeError {
  return new HandshakeError(
    `Webhook validation handshake failed for ${url}. Http ${method} ${what} For troubleshooting, visit https://aka.ms/esvalidation.`,
  );
}

function validationQuestion(
  { name, endpoint, scope }: EventSubscription,
  validationUrl: string,
  now: number,
): Question {
  const validationCode = randomUUID();
  const event = {
    id: randomUUID(),
    topic: scope ?? '/subscriptions',
    subject: '',
    data: { validationCode, validationUrl },
    eventType: 'Microsoft.EventGrid.SubscriptionValidationEvent',
    eventTime: azureTime(now),
    metadataVersion: '1',
    dataVersion: '2',
  };
  const headers = {
    'content-type': 'application/json; charset=utf-8',
    'aeg-subscription-name': name.toUpperCase(),
    'aeg-delivery-count': '0',
    'aeg-data-version': event.dataVersion,
    'aeg-metadata-version': event.metadataVersion,
    'aeg-event-type': 'SubscriptionValidation',
  };
  return {
    request: { url: endpoint, method: 'POST', headers, body: JSON.stringify([event]) },
    expected: [validationCode],
    given: ({ body }) => validationResponse(body),
    where: 'validationResponse',
  };
}

function permissionQuestion({ endpoint }: EventSubscription, validationUrl: string): Question {
  const headers = { 'webhook-request-origin': ORIGIN, 'webhook-request-callback': validationUrl };
  return {
    request: { url: endpoint, method: 'OPTIONS', headers, body: '' },
    expected: [ORIGIN, '*'],
    given: (answer) => answer.headers['webhook-allowed-origin'],
    where: 'WebHook-Allowed-Origin',
  };
}

function validationResponse(body: string): unknown {
  try {
    return (JSON.parse(body) as { validationResponse?: unknown } | null)?.validationResponse;
  } catch {
    return undefined;
  }
}
