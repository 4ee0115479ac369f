import type { App } from '../app.ts';
import { toAzureError } from '../azure/errors.ts';
import { EVENT_SUBSCRIPTION, eventRoute, READ_EVENTS } from '../azure/systemTopics.ts';
import { fold, type ResourceId } from '../domain/resourceId.ts';
import type { Check } from './check.ts';
import type { Preflight } from './preflight.ts';

const DEPLOY = `Deploy step 3 of infra/README.md for it, which makes the event subscription ${EVENT_SUBSCRIPTION}. Until then a new VM waits for the next sweep.`;

/**
 * Tells of a subscription whether its new VMs are brought to the function by events. `topics` are those that Resource
 * Graph shows; rejected when it could not be asked. Never throws.
 */
export async function eventCheck(
  app: App,
  checks: Preflight,
  topics: Promise<ReadonlyMap<string, ResourceId>>,
  place: { readonly subscriptionId: string; readonly resourceGroup: string },
): Promise<Check> {
  const { subscriptionId } = place;
  const about = { subject: subscriptionId, check: 'events' };
  try {
    const topic = (await topics).get(fold(subscriptionId));
    if (!topic) return await withoutTopic(checks, about, place);
    const route = await eventRoute(app.clients, topic);
    const wrong =
      route === undefined
        ? `The system topic ${topic.name} has no event subscription ${EVENT_SUBSCRIPTION}.`
        : !/\/functions\/vmWritten$/i.test(route.functionId)
          ? `The event subscription ${EVENT_SUBSCRIPTION} does not send to the function vmWritten.`
          : !/^succeeded$/i.test(route.provisioningState)
            ? `The event subscription ${EVENT_SUBSCRIPTION} is ${route.provisioningState || 'in no known state'}.`
            : undefined;
    return wrong
      ? { ...about, state: 'missing', detail: wrong, next: DEPLOY }
      : { ...about, state: 'ok', detail: `to ${route?.functionId}`, next: '' };
  } catch (error) {
    return unknown(about, toAzureError(error).message);
  }
}

// Resource Graph leaves out what may not be read, so that none is only none where reading it is allowed.
async function withoutTopic(
  checks: Preflight,
  about: Pick<Check, 'subject' | 'check'>,
  place: { readonly subscriptionId: string; readonly resourceGroup: string },
): Promise<Check> {
  const unread = await checks.missing(place, READ_EVENTS);
  return unread?.length === 0
    ? { ...about, state: 'missing', detail: 'No system topic tells of its VMs.', next: DEPLOY }
    : unknown(about, `Whether a system topic tells of its VMs may not be read (${READ_EVENTS.join(', ')}).`);
}

function unknown(about: Pick<Check, 'subject' | 'check'>, detail: string): Check {
  const next = `Run doctor as somebody who may read it, or look: az eventgrid system-topic list --subscription ${about.subject} -o table`;
  return { ...about, state: 'unknown', detail, next };
}
