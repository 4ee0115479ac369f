import { errors } from './errors.ts';
import { type ArmAnswer, type ArmRequest, entriesAt, requirePlace, type World } from './request.ts';

/**
 * System topics of Event Grid and their event subscriptions, as deployments leave them: only to be read here, after
 * having been seeded. Their events are registered at the control endpoint.
 */
export function systemTopics(world: World, request: ArmRequest): ArmAnswer | undefined {
  const { method, path } = request;
  requirePlace(world, request);
  if (method !== 'GET') return undefined;
  const type = `Microsoft.EventGrid/${path.type}`;
  if (path.isCollection) {
    const found = [...entriesAt(world, request, type.toLowerCase())];
    return { status: 200, body: { value: found.map(({ resource }) => resource) } };
  }
  const entry = world.store.get(path.path);
  if (!entry) throw errors.resourceNotFound(`${type}/${path.names.join('/')}`, path.resourceGroup ?? '');
  return { status: 200, body: entry.resource };
}
