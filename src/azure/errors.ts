import { isRestError, type PipelineResponse } from '@azure/core-rest-pipeline';
import type { FailureReason } from '../domain/outcome.ts';
import { oneLine } from '../domain/printable.ts';

/** Everything an Azure call can fail with. Above this file nobody looks at a status, a code or a message. */
export type ErrorKind =
  | Exclude<
      FailureReason,
      'identity-missing' | 'identity-dead' | 'not-kept' | 'not-removed' | 'no-etag' | 'operation-failed'
    >
  | 'not-found'
  | 'being-deleted';

/** What Azure's message says is missing, so that the next step can name it. */
export interface Missing {
  /** A right, the place it was asked for, and the object id of who asked. */
  readonly right?: { readonly action: string; readonly scope: string; readonly objectId: string };
  /** The resource provider that is not registered. */
  readonly namespace?: string;
}

/** A call to Azure that failed. The message is Azure's own, on one line, after the ARM code. */
export class AzureError extends Error {
  override readonly name = 'AzureError';
  readonly kind: ErrorKind;
  /** HTTP status; undefined when no answer came. */
  readonly status: number | undefined;
  readonly missing: Missing;

  constructor(kind: ErrorKind, message: string, status?: number, missing: Missing = {}) {
    super(oneLine(message));
    this.kind = kind;
    this.status = status;
    this.missing = missing;
  }
}

/** The error object ARM puts in bodies, in whichever of its shapes. */
export interface ArmError {
  readonly code: string;
  readonly message: string;
  /** Codes of `details`, which sometimes say more than the outer one. */
  readonly detailCodes: readonly string[];
  /** Targets of `details`: where Compute throttles, the names of the policies that refused. */
  readonly detailTargets: readonly string[];
}

// Codes and their meaning: azure-facts, section 5 "Error shapes and codes"; wire-behaviour, section 6.
const kindsOfCodes: Readonly<Record<string, ErrorKind>> = {
  AuthorizationFailed: 'forbidden',
  LinkedAuthorizationFailed: 'identity-forbidden',
  DenyAssignmentAuthorizationFailed: 'deny-assignment',
  RequestDisallowedByPolicy: 'deny-policy',
  ScopeLocked: 'read-only-lock',
  ReadOnlyDisabledSubscription: 'subscription-disabled',
  SubscriptionNotFound: 'subscription-disabled',
  MissingSubscriptionRegistration: 'provider-not-registered',
  FailedIdentityOperation: 'identity-not-ready',
  LocationNotAvailableForResourceType: 'identity-region',
  PreconditionFailed: 'conflict',
  Conflict: 'conflict',
  ConflictingConcurrentWriteNotAllowed: 'conflict',
  AnotherOperationInProgress: 'conflict',
  RetryableError: 'conflict',
  ResourceGroupBeingDeleted: 'being-deleted',
  OperationNotAllowed: 'not-allowed',
  PropertyChangeNotAllowed: 'invalid-request',
  TooManyRequests: 'throttled',
  ResourceNotFound: 'not-found',
  ResourceGroupNotFound: 'not-found',
  ParentResourceNotFound: 'not-found',
  NotFound: 'not-found',
  InternalServerError: 'transient',
  InternalExecutionError: 'transient',
};
// A map, since a code is text from outside, and every object has a `constructor`.
const KIND_OF_CODE = new Map(Object.entries(kindsOfCodes));

// Longer ones are of no use to anybody, and everything that looks for something in them stays quick.
const LONGEST_MESSAGE = 4000;

/** Reads the four shapes of ARM error bodies (wire-behaviour, section 6); undefined for anything else. */
export function parseArmError(body: string | null | undefined): ArmError | undefined {
  try {
    return readArmError(JSON.parse(body ?? ''));
  } catch {
    return undefined;
  }
}

/** Reads an error object: of an error body, or of the status of a failed operation. */
export function readArmError(body: unknown): ArmError | undefined {
  const outer = lowerKeys(body);
  const error = lowerKeys(outer.error ?? body);
  const details = Array.isArray(error.details) ? error.details : [];
  if (error.code === undefined && error.message === undefined) return undefined;
  return {
    code: String(error.code ?? '').slice(0, LONGEST_MESSAGE),
    message: String(error.message ?? '').slice(0, LONGEST_MESSAGE),
    detailCodes: details.map((detail) => String(lowerKeys(detail).code ?? '')),
    detailTargets: details.map((detail) => String(lowerKeys(detail).target ?? '')),
  };
}

/** The kind of an error Azure answered with: by code first, since statuses are shared by many, then by status. */
export function kindOf(status: number | undefined, error: ArmError | undefined): ErrorKind {
  if (status === 429 || error?.detailCodes.includes('TooManyRequests')) return 'throttled';
  // "… is marked for deletion", Compute's only way to say it (azure-facts, section 5 "Deleting").
  if (error?.code === 'OperationNotAllowed' && /marked for deletion|being deleted/i.test(error.message)) {
    return 'being-deleted';
  }
  const known = [error?.code, ...(error?.detailCodes ?? [])]
    .map((code) => KIND_OF_CODE.get(code ?? ''))
    .find((kind) => kind !== undefined);
  return known ?? kindOfStatus(status);
}

function kindOfStatus(status: number | undefined): ErrorKind {
  if (status === undefined || status >= 500 || status === 408) return 'transient';
  const kinds: Readonly<Record<number, ErrorKind>> = {
    401: 'signed-out',
    403: 'forbidden',
    404: 'not-found',
    409: 'conflict',
    412: 'conflict',
  };
  return kinds[status] ?? (status >= 400 ? 'invalid-request' : 'unexpected');
}

/** The error an answer of status 300 or above means. */
export function errorOfResponse(response: Pick<PipelineResponse, 'status' | 'bodyAsText'>): AzureError {
  const error = parseArmError(response.bodyAsText);
  const text = error ? `${error.code}: ${error.message}` : `HTTP ${response.status}`;
  const missing = readMissing(error?.message ?? '');
  return new AzureError(kindOf(response.status, error), text, response.status, missing);
}

/**
 * What a message of AuthorizationFailed, LinkedAuthorizationFailed (in its older and newer wording) or
 * MissingSubscriptionRegistration says is missing. Azure has no other place for it than the text.
 */
export function readMissing(message: string): Missing {
  const [, objectId = ''] = /with object id '([^']*)'/.exec(message) ?? [];
  const right = NO_RIGHT.exec(message) ?? NO_LINKED_RIGHT.exec(message);
  const [, namespace] = /not registered to use namespace '([^']+)'/.exec(message) ?? [];
  return {
    ...(right && {
      right: { action: oneLine(right[1] ?? ''), scope: oneLine(right[2] ?? ''), objectId: oneLine(objectId) },
    }),
    ...(namespace !== undefined && { namespace: oneLine(namespace) }),
  };
}

const NO_RIGHT = /does not have authorization to perform action '([^']+)' over scope '([^']+)'/;
const NO_LINKED_RIGHT =
  /does not have permission to perform action(?:\(s\))? '([^',]+)(?:,[^']*)?' on the linked scope\(s\) '([^',]+)/;

/** Any error a client threw, as an AzureError: refused answers, lost connections, failed sign-ins, broken bodies. */
export function toAzureError(error: unknown): AzureError {
  if (error instanceof AzureError) return error;
  const { name, message } = error instanceof Error ? error : { name: '', message: String(error) };
  if (/^(CredentialUnavailable|Authentication|AggregateAuthentication)/.test(name)) {
    return new AzureError('signed-out', message);
  }
  if (!isRestError(error)) return new AzureError('unexpected', message);
  if (error.response && error.response.status >= 400) return errorOfResponse(error.response);
  return new AzureError('transient', `${error.code ?? name}: ${message}`, error.response?.status);
}

function lowerKeys(value: unknown): Record<string, unknown> {
  const entries = value !== null && typeof value === 'object' ? Object.entries(value) : [];
  return Object.fromEntries(entries.map(([key, inner]) => [key.toLowerCase(), inner]));
}
