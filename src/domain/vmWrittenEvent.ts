import { z } from 'zod';
import type { Policy } from './policy.ts';
import { fold, parseVmId, type ResourceId, type Scope, sameId } from './resourceId.ts';
import { mayCover } from './scopes.ts';

/** Why an event is none of ours. */
export type IgnoredBecause =
  | 'not-a-vm-write'
  | 'not-a-vm-id'
  | 'own-write'
  | 'out-of-scope'
  | 'subscription-not-rolled-out';

/** What is to be done about an event: look at a VM, or nothing, and why. */
export type EventVerdict =
  | { readonly look: ResourceId; readonly writtenAt: string | undefined }
  | { readonly ignored: IgnoredBecause };

/** What an event is judged by, besides itself. */
export interface EventFilter {
  readonly scopes: readonly Scope[];
  readonly excludedScopes: readonly Scope[];
  readonly policy: Pick<Policy, 'onlySubscriptions'>;
  /** Client id and object id of the remediator, where known: its own writes come back as events. */
  readonly clientId: string | undefined;
  readonly objectId: string | undefined;
}

const WRITE_SUCCESS = 'Microsoft.Resources.ResourceWriteSuccess';
const VM_WRITE = 'Microsoft.Compute/virtualMachines/write';
const OBJECT_ID_CLAIM = 'http://schemas.microsoft.com/identity/claims/objectidentifier';

// Anything may be missing or of another kind: `claims` and `evidence` come as empty arrays, too (azure-facts,
// section 8). What is not as expected counts as absent.
const text = z.string().optional().catch(undefined);
const texts = z.record(z.string(), z.unknown()).catch({});
const eventSchema = z.object({
  eventType: text,
  type: text,
  subject: text,
  eventTime: text,
  time: text,
  data: z
    .object({
      operationName: text,
      resourceUri: text,
      claims: texts,
      authorization: z.object({ evidence: texts }).catch({ evidence: {} }),
    })
    .catch({ operationName: undefined, resourceUri: undefined, claims: {}, authorization: { evidence: {} } }),
});

/**
 * Judges an event of either schema, Event Grid's or CloudEvents 1.0, without asking Azure: only the id of the VM and
 * the time are taken from it (R11). A management group among the scopes lets every subscription pass here; the fresh
 * look at the VM decides. Never throws.
 */
export function judgeEvent(event: unknown, filter: EventFilter): EventVerdict {
  const { data: known } = eventSchema.safeParse(event);
  if (!known) return { ignored: 'not-a-vm-write' };
  const { operationName, resourceUri, claims, authorization } = known.data;
  const type = known.eventType ?? known.type ?? '';
  if (!sameId(type, WRITE_SUCCESS) || !sameId(operationName ?? VM_WRITE, VM_WRITE)) {
    return { ignored: 'not-a-vm-write' };
  }
  const vm = parseVmId(resourceUri ?? known.subject ?? '');
  if (!vm) return { ignored: 'not-a-vm-id' };
  const own = [
    isId(claims.appid, filter.clientId),
    isId(claims[OBJECT_ID_CLAIM], filter.objectId),
    isId(authorization.evidence.principalId, filter.objectId),
  ];
  if (own.includes(true)) return { ignored: 'own-write' };
  if (!mayCover(filter.scopes, filter.excludedScopes, vm)) return { ignored: 'out-of-scope' };
  const { onlySubscriptions } = filter.policy;
  if (onlySubscriptions && !onlySubscriptions.has(fold(vm.subscriptionId))) {
    return { ignored: 'subscription-not-rolled-out' };
  }
  const writtenAt = known.eventTime ?? known.time;
  return { look: vm, writtenAt: z.iso.datetime({ offset: true }).safeParse(writtenAt).data };
}

// Principal ids are also written without dashes (seen in `evidence`).
function isId(given: unknown, own: string | undefined): boolean {
  const bare = (id: string) => fold(id).replaceAll('-', '');
  return own !== undefined && typeof given === 'string' && bare(given) === bare(own);
}
