import fc from 'fast-check';
import { OTHER_SUBSCRIPTION, SUBSCRIPTION } from '../builders.ts';
import type { Answer, Tamper } from './hostileArm.ts';
import { change, hostileText, hugeText } from './inputs.ts';

type Body = Record<string, unknown>;

/** What Resource Manager may have become: every way in which an answer is not what it should be. */
export const tamper: fc.Arbitrary<Tamper> = fc.oneof(
  { weight: 8, arbitrary: fc.array(change, { minLength: 1, maxLength: 3 }).map(changedBody) },
  { weight: 2, arbitrary: rawBody() },
  { weight: 3, arbitrary: oddError() },
  { weight: 3, arbitrary: elsewhere() },
  { weight: 2, arbitrary: oddHeader() },
  { weight: 3, arbitrary: graphRows() },
  { weight: 2, arbitrary: endless() },
);

function changedBody(changes: readonly ((value: unknown) => unknown)[]): Tamper {
  return (answer) => onBody(answer, (body) => changes.reduce((now, one) => one(now), body as unknown));
}

function rawBody(): fc.Arbitrary<Tamper> {
  const raw = fc.oneof(
    hugeText,
    fc.constantFrom(
      '',
      'null',
      '[]',
      '{}',
      '"text"',
      '1e999',
      '<html></html>',
      '\ufeff{}',
      '{"a":1,"a":2,',
      '[[[[',
    ),
    fc.constantFrom(
      '['.repeat(100_000),
      '{"error":'.repeat(20_000),
      '{"location":"x","location":"y","id":1}',
    ),
  );
  const halved: Tamper = (answer) => ({ ...answer, body: answer.body.slice(0, answer.body.length / 2) });
  return fc.oneof(
    raw.map(
      (body): Tamper =>
        (answer) => ({ ...answer, body }),
    ),
    fc.constant(halved),
  );
}

function oddError(): fc.Arbitrary<Tamper> {
  const status = fc.constantFrom(300, 304, 400, 401, 403, 404, 409, 412, 418, 500, 503);
  const code = fc.oneof(
    hostileText,
    fc.constantFrom(
      'constructor',
      'AuthorizationFailed',
      'LinkedAuthorizationFailed',
      'MissingSubscriptionRegistration',
    ),
  );
  const text = fc.oneof(
    hugeText,
    hostileText.map(
      (text) =>
        `The client 'a' with object id '${text}' does not have authorization to perform action '${text}/x' over scope '${text}'`,
    ),
    hostileText.map((text) => `is not registered to use namespace '${text}'.`),
  );
  const shape = fc.constantFrom<(code: string, message: string) => unknown>(
    (code, message) => ({ error: { code, message } }),
    (code, message) => ({ code, message, details: [null, 1, { code }] }),
    (code, message) => ({ Error: { Code: code, Message: { message } } }),
    (code) => code,
    (code, message) => [{ error: { code, message } }],
  );
  return fc.tuple(status, code, text, shape).map(
    ([status, code, message, shape]): Tamper =>
      (answer) => ({ ...answer, status, body: JSON.stringify(shape(code, message)) }),
  );
}

/** Headers and links that name other hosts, other subscriptions and other paths. */
function elsewhere(): fc.Arbitrary<Tamper> {
  const foreign = `/subscriptions/${OTHER_SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm`;
  const url = fc.oneof(
    fc.constantFrom(
      '',
      foreign,
      '/x?y',
      '//x',
      `/subscriptions/${SUBSCRIPTION}/..${foreign}`,
      `/subscriptions/${SUBSCRIPTION}%2f..%2f..${foreign}`,
    ),
    hostileText.map((text) => `/${text}`),
  );
  const way = fc.constantFrom('operation', 'nextLink', 'redirect', 'own nextLink');
  return fc.tuple(url, way, fc.constantFrom(301, 302, 303, 307, 308)).map(
    ([path, way, status]): Tamper =>
      (answer, asked, others) => {
        const target = path.length % 2 === 0 ? `${others}${path || asked.url}` : path;
        if (way === 'redirect')
          return { ...answer, status, headers: { ...answer.headers, location: target } };
        if (way === 'nextLink') return onBody(answer, (body) => ({ value: [], ...body, nextLink: target }));
        if (way === 'own nextLink')
          return onBody(answer, (body) => ({
            value: [],
            ...body,
            nextLink: `https://localhost${asked.url}`,
          }));
        const failed = onBody(answer, (body) => ({
          ...body,
          properties: { ...(body.properties as Body), provisioningState: 'Failed' },
        }));
        return {
          ...failed,
          headers: { ...answer.headers, 'azure-asyncoperation': target, location: target },
        };
      },
  );
}

function oddHeader(): fc.Arbitrary<Tamper> {
  const name = fc.constantFrom(
    'etag',
    'content-type',
    'x-ms-ratelimit-remaining-resource',
    'x-ms-ratelimit-remaining-subscription-writes',
    'retry-after',
    'x-ms-user-quota-resets-after',
  );
  const value = fc.oneof(
    hostileText.map((text) => text.replace(/[^\x20-\x7e]/g, '')),
    fc.constantFrom('/'.repeat(7000), 'a/b;'.repeat(1500), '9'.repeat(300), 'W/"x"', '*'),
  );
  return fc.tuple(name, value).map(
    ([name, value]): Tamper =>
      (answer) => ({ ...answer, headers: { ...answer.headers, [name]: value } }),
  );
}

/** Rows that Resource Graph should never give: other subscriptions, other types, ids with a way out. */
function graphRows(): fc.Arbitrary<Tamper> {
  const id = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-app/providers/Microsoft.Compute/virtualMachines/vm-0`;
  const row = fc.oneof(
    fc.constantFrom<Body>(
      { subscriptionId: OTHER_SUBSCRIPTION, id: id.replace(SUBSCRIPTION, OTHER_SUBSCRIPTION) },
      { subscriptionId: OTHER_SUBSCRIPTION, verdict: 'goal-present' },
      { id: id.replace('virtualMachines/', 'virtualMachineScaleSets/') },
      { id: id.replace('Microsoft.Compute', 'Microsoft.ClassicCompute') },
      { id: `${id}/extensions/x` },
      { id: id.replace('rg-app', '..') },
      { id: id.toUpperCase() },
      { id: undefined },
      { total: 1e15 },
    ),
    fc
      .tuple(
        fc.constantFrom('id', 'subscriptionId', 'location', 'verdict', 'name', 'vm', 'target', 'changedBy'),
        hostileText,
      )
      .map(([key, text]): Body => ({ [key]: text })),
  );
  return fc.array(row, { minLength: 1, maxLength: 4 }).map(
    (odd): Tamper =>
      (answer) =>
        onBody(answer, (body) => {
          const rows = Array.isArray(body.data) ? (body.data as Body[]) : [];
          const more = odd.map((one) => ({ ...(rows[0] ?? {}), ...one }));
          return { ...body, data: [...rows, ...more], count: rows.length + more.length };
        }),
  );
}

/** Pages without an end, and tokens that are none. */
function endless(): fc.Arbitrary<Tamper> {
  let count = 0;
  const token = fc.constantFrom<unknown>('same', '', null, 0, {}, 'next');
  return fc.tuple(token, fc.boolean()).map(
    ([token, empty]): Tamper =>
      (answer, asked) =>
        onBody(answer, (body) => {
          if ('data' in body) {
            return {
              ...body,
              ...(empty && { data: [] }),
              $skipToken: token === 'next' ? `next-${count++}` : token,
            };
          }
          return 'value' in body ? { ...body, nextLink: asked.url } : body;
        }),
  );
}

function onBody(answer: Answer, what: (body: Body) => unknown): Answer {
  try {
    return { ...answer, body: JSON.stringify(what(JSON.parse(answer.body))) ?? '' };
  } catch {
    return answer;
  }
}
