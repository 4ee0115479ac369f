import { z } from 'zod';
import { fold, parseSystemTopicId, type ResourceId } from '../domain/resourceId.ts';
import type { AzureClients } from './clients.ts';
import { toAzureError } from './errors.ts';
import { inRequests, queryPages } from './resourceGraph.ts';

/** The name that step 3 of `infra/` gives to each event subscription. */
export const EVENT_SUBSCRIPTION = 'vm-identity-remediator';
/** What reading them needs. */
export const READ_EVENTS = [
  'Microsoft.EventGrid/systemTopics/read',
  'Microsoft.EventGrid/systemTopics/eventSubscriptions/read',
] as const;

const API_VERSION = '2025-02-15';
const QUERY = `resources
| where type =~ 'microsoft.eventgrid/systemtopics'
| where tostring(properties.topicType) =~ 'microsoft.resources.subscriptions'
| project id, subscriptionId
| order by id asc`;
const topicRow = z.object({ id: z.string(), subscriptionId: z.string() });
const propertiesRow = z.object({
  provisioningState: z.string().optional(),
  destination: z
    .object({ properties: z.object({ resourceId: z.string() }).partial() })
    .partial()
    .nullish(),
});

/** Where an event subscription sends what happens, and whether it is in place. */
export interface EventRoute {
  /** The id of a function; empty where it sends elsewhere. */
  readonly functionId: string;
  readonly provisioningState: string;
}

/**
 * The system topics of these subscriptions for what happens in them, by folded subscription id: one query of Resource
 * Graph, which leaves out what may not be read. Azure allows one for each subscription. Throws AzureError.
 */
export async function systemTopics(
  clients: Pick<AzureClients, 'resourceGraph'>,
  subscriptions: readonly string[],
): Promise<Map<string, ResourceId>> {
  const topics = new Map<string, ResourceId>();
  for (const request of inRequests(subscriptions)) {
    for await (const rows of queryPages(clients, request, QUERY, topicRow)) {
      for (const { id, subscriptionId } of rows) {
        const topic = parseSystemTopicId(id);
        if (topic) topics.set(fold(subscriptionId), topic);
      }
    }
  }
  return topics;
}

/** Reads our event subscription of a topic; undefined when there is none. Throws AzureError. */
export async function eventRoute(
  clients: Pick<AzureClients, 'resources'>,
  topic: ResourceId,
): Promise<EventRoute | undefined> {
  const id = `${topic.id}/eventSubscriptions/${EVENT_SUBSCRIPTION}`;
  try {
    const found = await clients.resources(topic.subscriptionId).resources.getById(id, API_VERSION);
    const { destination, provisioningState = '' } = propertiesRow.parse(found.properties ?? {});
    return { functionId: destination?.properties?.resourceId ?? '', provisioningState };
  } catch (error) {
    const failure = toAzureError(error);
    if (failure.kind === 'not-found') return undefined;
    throw failure;
  }
}
