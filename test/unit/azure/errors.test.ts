import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RestError } from '@azure/core-rest-pipeline';
import { type ErrorKind, errorOfResponse, readMissing, toAzureError } from '../../../src/azure/errors.ts';

const enveloped = (code: string, message = 'm', details: unknown[] = []) => ({
  error: { code, message, details },
});

const cases: [string, number, unknown, ErrorKind][] = [
  ['no right', 403, enveloped('AuthorizationFailed'), 'forbidden'],
  ['no right to assign', 403, enveloped('LinkedAuthorizationFailed'), 'identity-forbidden'],
  ['a deny assignment', 403, enveloped('DenyAssignmentAuthorizationFailed'), 'deny-assignment'],
  ['a deny policy', 403, enveloped('RequestDisallowedByPolicy'), 'deny-policy'],
  ['a lock', 409, enveloped('ScopeLocked'), 'read-only-lock'],
  [
    'a disabled subscription, whatever the status',
    409,
    enveloped('ReadOnlyDisabledSubscription'),
    'subscription-disabled',
  ],
  ['a subscription that is gone', 404, enveloped('SubscriptionNotFound'), 'subscription-disabled'],
  ['an unregistered provider', 409, enveloped('MissingSubscriptionRegistration'), 'provider-not-registered'],
  ['a region without identities', 400, enveloped('LocationNotAvailableForResourceType'), 'identity-region'],
  ['an identity not visible yet', 400, enveloped('FailedIdentityOperation'), 'identity-not-ready'],
  ['throttling inside the identity service', 429, enveloped('FailedIdentityOperation'), 'throttled'],
  ['an ETag that moved, flat body', 412, { code: 'PreconditionFailed', message: 'm' }, 'conflict'],
  ['a concurrent write', 409, enveloped('ConflictingConcurrentWriteNotAllowed'), 'conflict'],
  ['another operation', 409, enveloped('AnotherOperationInProgress'), 'conflict'],
  [
    'a VM being deleted',
    409,
    enveloped('OperationNotAllowed', 'VM is marked for deletion.'),
    'being-deleted',
  ],
  ['an operation the state forbids', 409, enveloped('OperationNotAllowed', 'quota'), 'not-allowed'],
  [
    'Compute throttling',
    429,
    { code: 'OperationNotAllowed', message: 'm', details: [{ code: 'TooManyRequests' }] },
    'throttled',
  ],
  ['a code that is a number', 429, enveloped('429'), 'throttled'],
  ['a VM that is gone, Compute’s way', 404, enveloped('NotFound'), 'not-found'],
  ['keys with capitals', 409, { Error: { Code: 'ScopeLocked', Message: 'm' } }, 'read-only-lock'],
  ['a page of HTML', 503, '<html>', 'transient'],
  ['an empty body', 503, '', 'transient'],
  ['an expired token', 401, enveloped('ExpiredAuthenticationToken'), 'signed-out'],
  ['a code nobody knows, 409', 409, enveloped('Novel'), 'conflict'],
  ['a code nobody knows, 400', 400, enveloped('Novel'), 'invalid-request'],
  ['a bare string body', 429, '""', 'throttled'],
];

describe('errorOfResponse', () => {
  for (const [name, status, body, kind] of cases) {
    it(`${name}: ${kind}`, () => {
      const bodyAsText = typeof body === 'string' ? body : JSON.stringify(body);

      assert.equal(errorOfResponse({ status, bodyAsText }).kind, kind);
    });
  }

  it('keeps Azure’s code and message, made safe for one log line', () => {
    const bodyAsText = JSON.stringify(enveloped('ScopeLocked', 'line one\nline\u202e two\u0000'));

    assert.equal(errorOfResponse({ status: 409, bodyAsText }).message, 'ScopeLocked: line one line  two ');
  });
});

describe('toAzureError', () => {
  it('takes a broken connection for transient', () => {
    assert.equal(toAzureError(new RestError('socket hang up', { code: 'ECONNRESET' })).kind, 'transient');
  });

  it('takes a body that is no JSON for transient', () => {
    assert.equal(toAzureError(new RestError('x', { code: RestError.PARSE_ERROR })).kind, 'transient');
  });

  it('takes a credential that fails for signed out', () => {
    const error = Object.assign(new Error('no az login'), { name: 'CredentialUnavailableError' });

    assert.equal(toAzureError(error).kind, 'signed-out');
  });

  it('does not take a defect of ours for an error of Azure', () => {
    assert.equal(toAzureError(new TypeError('x is not a function')).kind, 'unexpected');
  });
});

describe('readMissing', () => {
  const client = "The client 'app' with object id 'oid'";
  const cases: [string, string, ReturnType<typeof readMissing>][] = [
    [
      'AuthorizationFailed',
      `${client} does not have authorization to perform action 'A/b/read' over scope '/s/1' or the scope is invalid. If access was recently granted, please refresh your credentials.`,
      { right: { action: 'A/b/read', scope: '/s/1', objectId: 'oid' } },
    ],
    [
      'the same as it was before 2018',
      `${client} does not have authorization to perform action 'A/b/read' over scope '/s/1'.`,
      { right: { action: 'A/b/read', scope: '/s/1', objectId: 'oid' } },
    ],
    [
      'LinkedAuthorizationFailed',
      `${client} has permission to perform action 'V/write' on scope '/vm'; however, it does not have permission to perform action(s) 'I/assign/action' on the linked scope(s) '/id' (respectively) or the linked scope(s) are invalid.`,
      { right: { action: 'I/assign/action', scope: '/id', objectId: 'oid' } },
    ],
    [
      'the same in its older wording, of several identities',
      `${client} has permission to perform action 'V/write' on scope '/vm'; however, it does not have permission to perform action 'I/assign/action' on the linked scope(s) '/id,/id2' or the linked scope(s) are invalid.`,
      { right: { action: 'I/assign/action', scope: '/id', objectId: 'oid' } },
    ],
    [
      'MissingSubscriptionRegistration',
      "The subscription is not registered to use namespace 'Microsoft.ManagedIdentity'. See https://aka.ms/rps-not-found for how to register subscriptions.",
      { namespace: 'Microsoft.ManagedIdentity' },
    ],
    ['anything else', 'The VM is on fire.', {}],
  ];
  for (const [name, message, missing] of cases) {
    it(`reads ${name}`, () => {
      assert.deepEqual(readMissing(message), missing);
    });
  }
});
