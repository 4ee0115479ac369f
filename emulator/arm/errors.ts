import { locations } from './locations.ts';

/** A request ARM refuses. Thrown by handlers; the server turns it into an answer. */
export class ArmError extends Error {
  readonly status: number;
  readonly code: string;
  readonly extra: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;
  /** The limit that refused the request, where one did. */
  readonly refusedBy: string | undefined;

  constructor(
    status: number,
    code: string,
    message: string,
    options: { extra?: Record<string, unknown>; headers?: Record<string, string>; refusedBy?: string } = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.extra = options.extra ?? {};
    this.headers = options.headers ?? {};
    this.refusedBy = options.refusedBy;
  }

  /** The body in ARM's usual shape. */
  get body(): unknown {
    return { error: { code: this.code, message: this.message, ...this.extra } };
  }
}

// Refused by the gateway itself, before any provider saw the request (recorded in f01, f03, f04, f13).
const GATEWAY = { headers: { 'x-ms-failure-cause': 'gateway' } };
const SIGN_IN = 'https://login.windows.net/';

/** Every error the embedded Azure answers with: ARM's own codes and texts, with where they were seen. */
export const errors = {
  // f13, with what the header says
  missingToken: (tenantId: string) =>
    challenge(
      tenantId,
      'AuthenticationFailed',
      "Authentication failed. The 'Authorization' header is missing.",
      "The authentication failed because of missing 'Authorization' header.",
    ),
  invalidToken: (tenantId: string) =>
    challenge(tenantId, 'InvalidAuthenticationToken', 'The access token is invalid.'),
  expiredToken: (tenantId: string, expiry: Date, now: Date) =>
    challenge(
      tenantId,
      'ExpiredAuthenticationToken',
      `The access token expiry UTC time '${usDate(expiry)}' is earlier than current UTC time '${usDate(now)}'.`,
      'The access token has expired.',
    ),
  missingApiVersion: () =>
    new ArmError(
      400,
      'MissingApiVersionParameter',
      'The api-version query parameter (?api-version=) is required for all requests.',
      GATEWAY,
    ),
  invalidApiVersion: (version: string) =>
    new ArmError(
      400,
      'InvalidApiVersionParameter',
      `The api-version '${version}' is invalid. The supported versions are of the form 'yyyy-MM-dd' or 'yyyy-MM-dd-preview'.`,
      GATEWAY,
    ),
  invalidContent: (reason: string) =>
    new ArmError(
      400,
      'InvalidRequestContent',
      `The request content was invalid and could not be deserialized: '${reason}'.`,
      GATEWAY,
    ),
  // f01, 64 exchanges
  authorizationFailed: (client: string, objectId: string, action: string, scope: string) =>
    new ArmError(
      403,
      'AuthorizationFailed',
      `The client '${client}' with object id '${objectId}' does not have authorization to perform action '${action}' over scope '${scope}' or the scope is invalid. If access was recently granted, please refresh your credentials.`,
      GATEWAY,
    ),
  // wire-behaviour 6, quoted for VMs, in the wording of 2023 and later; before, it was "action '…'" without "(respectively)".
  linkedAuthorizationFailed: (
    client: string,
    objectId: string,
    action: string,
    scope: string,
    linked: readonly string[],
  ) =>
    new ArmError(
      403,
      'LinkedAuthorizationFailed',
      `The client '${client}' with object id '${objectId}' has permission to perform action '${action}' on scope '${scope}'; however, it does not have permission to perform action(s) 'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action' on the linked scope(s) '${linked.join(',')}' (respectively) or the linked scope(s) are invalid.`,
      GATEWAY,
    ),
  // Quoted in many threads: the last scope is that of the deny assignment.
  denyAssignment: (
    client: string,
    objectId: string,
    action: string,
    scope: string,
    denial: { name: string; id: string; scope: string },
  ) =>
    new ArmError(
      403,
      'DenyAssignmentAuthorizationFailed',
      `The client '${client}' with object id '${objectId}' has permission to perform action '${action}' on scope '${scope}'; however, the access is denied because of the deny assignment with name '${denial.name}' and Id '${denial.id}' at scope '${denial.scope}'.`,
      GATEWAY,
    ),
  // f09 (wire-behaviour 6); body as quoted in many threads
  missingRegistration: (namespace: string) => {
    const message = `The subscription is not registered to use namespace '${namespace}'. See https://aka.ms/rps-not-found for how to register subscriptions.`;
    const details = [{ code: 'MissingSubscriptionRegistration', target: namespace, message }];
    return new ArmError(409, 'MissingSubscriptionRegistration', message, { ...GATEWAY, extra: { details } });
  },
  invalidNamespace: (namespace: string) =>
    new ArmError(
      404,
      'InvalidResourceNamespace',
      `The resource namespace '${namespace}' is invalid.`,
      GATEWAY,
    ),
  locationNotAvailable: (location: string, type: string, offered: readonly string[]) =>
    new ArmError(
      400,
      'LocationNotAvailableForResourceType',
      `The provided location '${location}' is not available for resource type '${type}'. List of available regions for the resource type is '${offered.join(',')}'.`,
      GATEWAY,
    ),
  roleAssignmentNotFound: (name: string) =>
    new ArmError(404, 'RoleAssignmentNotFound', `The role assignment '${name}' is not found.`, GATEWAY),
  subscriptionNotFound: (id: string) =>
    new ArmError(404, 'SubscriptionNotFound', `The subscription '${id}' could not be found.`, GATEWAY),
  // The text is quoted in many threads; no source says the status.
  subscriptionDisabled: (id: string) =>
    new ArmError(
      409,
      'ReadOnlyDisabledSubscription',
      `The subscription '${id}' is disabled and therefore marked as read only. You cannot perform any write actions on this subscription until it is re-enabled.`,
      GATEWAY,
    ),
  managementGroupNotFound: (name: string) =>
    new ArmError(404, 'NotFound', `The management group '${name}' could not be found.`),
  // f04
  groupNotFound: (name: string) =>
    new ArmError(404, 'ResourceGroupNotFound', `Resource group '${name}' could not be found.`, GATEWAY),
  // f03
  resourceNotFound: (typeAndName: string, group: string) =>
    new ArmError(
      404,
      'ResourceNotFound',
      `The Resource '${typeAndName}' under resource group '${group}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
      GATEWAY,
    ),
  lockNotFound: (name: string) =>
    new ArmError(404, 'LockNotFound', `The lock '${name}' could not be found.`, GATEWAY),
  // q01, quoted
  scopeLocked: (target: string, operation: 'write' | 'delete', locked: readonly string[]) =>
    new ArmError(
      409,
      'ScopeLocked',
      `The scope '${target}' cannot perform ${operation} operation because following scope(s) are locked: '${locked.join(',')}'. Please remove the lock and try again.`,
      GATEWAY,
    ),
  // Codes and texts as Azure's own PowerShell module has them, which checks the tags of VMs before it sends them.
  tooManyTags: (count: number, most: number) =>
    new ArmError(
      400,
      'InvalidTags',
      `Too many tags specified. Requested tag count - '${count}'. Maximum number of tags allowed - '${most}'.`,
      GATEWAY,
    ),
  tagNameTooLong: (name: string, most: number) =>
    new ArmError(
      400,
      'InvalidTagName',
      `Tag key too large. Following tag name '${name}' exceeded the maximum length. Maximum allowed length for tag name - '${most}' characters.`,
      GATEWAY,
    ),
  tagValueTooLong: (value: string, most: number) =>
    new ArmError(
      400,
      'InvalidTagValueLength',
      `Tag value too large. Following tag value '${value}' exceeded the maximum length. Maximum allowed length for tag value - '${most}' characters.`,
      GATEWAY,
    ),
  // Only the number is known: status, code and text are made up.
  tooManyLocks: (scope: string, most: number) =>
    new ArmError(409, 'LockLimitExceeded', `The scope '${scope}' has ${most} locks, which is the most.`),
  invalidLocation: (location: string) =>
    new ArmError(
      400,
      'LocationNotAvailableForResourceGroup',
      `The provided location '${location}' is not available for resource group. List of available regions is '${locations.join(',')}'.`,
      GATEWAY,
    ),
  groupLocationConflict: (name: string, location: string, present: string) =>
    new ArmError(
      409,
      'InvalidResourceGroupLocation',
      `Invalid resource group location '${location}'. The Resource group already exists in location '${present}'.`,
      { ...GATEWAY, extra: { target: name } },
    ),
  groupBeingDeleted: (name: string) =>
    new ArmError(
      409,
      'ResourceGroupBeingDeleted',
      `The resource group '${name}' is in deprovisioning state and cannot perform this operation.`,
      GATEWAY,
    ),
  // Compute and others
  vmBeingDeleted: (name: string) =>
    new ArmError(
      409,
      'OperationNotAllowed',
      `VM '${name}' is marked for deletion. Only the Delete operation is allowed to be performed on a VM that is marked for deletion.`,
    ),
  preconditionFailed: (ifMatch: string, etag: string) =>
    new ArmError(
      412,
      'PreconditionFailed',
      `Etag provided in if-match header ${ifMatch} does not match etag ${etag} of resource.`,
    ),
  invalidParameter: (target: string, message: string) =>
    new ArmError(400, 'InvalidParameter', message, { extra: { target } }),
  badRequest: (message: string) => new ArmError(400, 'BadRequest', message),
  propertyChange: (property: string) =>
    new ArmError(409, 'PropertyChangeNotAllowed', `Changing property '${property}' is not allowed.`, {
      extra: { target: property },
    }),
  // f07
  identityNotFound: (resourceId: string, identityId: string) =>
    failedIdentityOperation(resourceId, 'BadRequest', `Resource '${identityId}' was not found.`),
  // Asked for with values that a read had filled in (reported in many issue threads; the text is ARM's).
  invalidIdentityValues: (identityId: string) =>
    new ArmError(
      400,
      'InvalidIdentityValues',
      `Invalid value for the identities '${identityId}'. The 'UserAssignedIdentities' property keys should only be empty json objects, null or the resource exisiting property.`,
      GATEWAY,
    ),
  invalidPropertyId: (id: string) =>
    new ArmError(
      400,
      'LinkedInvalidPropertyId',
      `Property id '${id}' at path 'identity.userAssignedIdentities' is invalid. Expect fully qualified resource Id that start with '/subscriptions/{subscriptionId}' or '/providers/{resourceProviderNamespace}/'.`,
      GATEWAY,
    ),
  missingIdentityIds: (type: string) =>
    new ArmError(
      400,
      'MissingIdentityIds',
      `The identity ids must not be null or empty for '${type}' identity type.`,
      GATEWAY,
    ),
  tooManyIdentities: (resourceId: string, count: number) =>
    failedIdentityOperation(
      resourceId,
      'BadRequest',
      `User Assigned Identities Number '${count}' Assign exceed limit '150' in one request.`,
    ),
  notImplemented: (method: string, path: string) =>
    new ArmError(501, 'NotImplemented', `The embedded Azure does not implement ${method} ${path}.`),
};

/** What the identity service said of an assignment, as the gateway passes it on: JSON in the text (f07). */
export function failedIdentityOperation(
  resourceId: string,
  status: string,
  inner: string,
  httpStatus = 400,
): ArmError {
  const response = JSON.stringify({ error: { code: status, message: inner } });
  return new ArmError(
    httpStatus,
    'FailedIdentityOperation',
    `Identity operation for resource '${resourceId}' failed with error 'Failed to perform resource identity operation. Status: '${status}'. Response: '${response}'.'.`,
    GATEWAY,
  );
}

function challenge(tenantId: string, code: string, message: string, described = message): ArmError {
  const header = `Bearer authorization_uri="${SIGN_IN}${tenantId}", error="invalid_token", error_description="${described}"`;
  return new ArmError(401, code, message, { headers: { ...GATEWAY.headers, 'www-authenticate': header } });
}

function usDate(date: Date): string {
  return date.toLocaleString('en-US', { timeZone: 'UTC' }).replace(',', '');
}
