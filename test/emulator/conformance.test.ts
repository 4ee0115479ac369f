import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { host } from '../../emulator/arm/principals.ts';
import type { Azure } from '../../emulator/azure.ts';
import { anAzure } from '../azure.ts';
import { type Exchange, header, missing, recordings } from './recordings.ts';
import { pathOf, replayer, shapeDifferences } from './replay.ts';
import { seedFrom } from './seedFromRecording.ts';

/** Exchanges that are not replayed, and why. Whole recordings have no number. */
const leftOut: Readonly<Record<string, string>> = {
  'b05 0': 'storage accounts are not implemented',
  'b05 4': 'storage accounts are not implemented',
  'b05 5': 'storage accounts are not implemented',
  'b05 6': 'the deletion of the group before it was not recorded',
  'b05 7': 'storage accounts are not implemented',
  'b06 1': 'refused for calls before it: its like is tested in throttle.test.ts',
  'd07 5': 'the group is deleted again while its first deletion still runs; here it is over at once',
  e01: 'columns and their order are those of 2019',
  e03: 'the 2,995 resources behind it were not recorded',
  e04: 'the 2,995 resources behind it were not recorded',
  e09: 'the machine behind it was not recorded',
  e20: 'refused for calls before it: its like is tested in throttle.test.ts',
  f05: 'scale sets and images are not implemented',
  f07: 'databases and storage accounts are not implemented',
  f08: 'quota, spot prices and scale sets are not implemented',
  'f13 0': 'web apps are not implemented',
  'f13 1': 'log analytics is not implemented',
  g01: 'an event, not an exchange',
  g02: 'an event, not an exchange',
};
/** Headers whose presence is compared. Recorders drop many others (wire-behaviour, section 0). */
const HEADERS = [
  'azure-asyncoperation',
  'azure-asyncnotification',
  'location',
  'etag',
  'www-authenticate',
  'x-ms-failure-cause',
  'x-ms-ratelimit-remaining-resource',
  'x-ms-user-quota-remaining',
];
const POLL = /\/locations\/[^/]+\/operations\/|\/operationresults\//i;
// Made up anew by every Azure: names of disks, what runs inside a VM, and subscriptions the recorder masked.
const OF_THIS_RUN = /^\.data\[\d+\]\.(id|name)|osDisk\.(name|managedDisk\.id)|\.instanceView\b/;
const NOBODY = {
  id: '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/x/providers/Microsoft.ManagedIdentity/userAssignedIdentities/nobody',
  location: 'eastus',
};

const CONTRIBUTOR = {
  id: '/subscriptions/00000000-0000-0000-0000-000000000000/providers/Microsoft.Authorization/roleAssignments/h05',
  properties: {
    principalId: host.objectId,
    roleDefinitionId:
      '/providers/Microsoft.Authorization/roleDefinitions/b24988ac-6180-42a0-ab88-20f7382dd24c',
  },
};

describe('recorded exchanges with real Azure', { skip: missing ?? false }, () => {
  let azure: Azure;
  let expired: string | undefined;
  before(async () => {
    const before = await anAzure({ tokenLifetimeSeconds: -1 });
    expired = await token(before, 'owner');
    await before.close();
    azure = await anAzure();
  });
  after(() => azure.close());

  for (const [name, exchanges] of recordings()) {
    const numbered = exchanges.map((exchange, index) => ({ exchange, key: `${name} ${index}` }));
    const replayed =
      leftOut[name] === undefined ? numbered.filter(({ key }) => leftOut[key] === undefined) : [];
    if (replayed.length === 0) continue;
    it(`${name}: ${replayed.length} of ${exchanges.length}`, async () => {
      azure.store.clear();
      await azure.seed([...seedFrom(exchanges), NOBODY, ...(name === 'h05' ? [CONTRIBUTOR] : [])]);
      const replay = replayer(azure, await token(azure, tokenFor(name)));
      const replayLate = replayer(azure, expired);
      for (const { exchange, key } of replayed) {
        const own = await (key === 'f13 2' ? replayLate : replay)(exchange);

        const about = `${key}: ${exchange.method} ${pathOf(exchange.url)}`;
        if (POLL.test(exchange.url)) {
          // How often an operation is asked for before it is over is chance.
          assert.ok(own.status === exchange.status || own.status === 200, about);
          continue;
        }
        assert.equal(own.status, exchange.status, `${about}\n${JSON.stringify(own.body)}`);
        const differences = shapeDifferences(exchange.responseBody ?? null, own.body);
        assert.deepEqual(
          differences.filter((difference) => !OF_THIS_RUN.test(difference)),
          [],
          about,
        );
        assert.deepEqual(presence(own.headers), recordedPresence(exchange), about);
        const recorded = (name: string) => header(exchange, name);
        assert.equal(
          challenge((name) => own.headers.get(name)),
          challenge(recorded),
          about,
        );
        if (recorded('x-ms-request-id') && recorded('x-ms-correlation-request-id'))
          assert.equal(
            hasOneId((name) => own.headers.get(name)),
            hasOneId(recorded),
            about,
          );
      }
    });
  }
});

// f01 was recorded by callers without rights, f13 without a token.
function tokenFor(name: string): 'nobody' | 'owner' | 'none' {
  return name === 'f01' ? 'nobody' : name === 'f13' ? 'none' : 'owner';
}

async function token(azure: Azure, who: 'nobody' | 'owner' | 'none'): Promise<string | undefined> {
  if (who === 'none') return undefined;
  const id = who === 'nobody' ? `&mi_res_id=${encodeURIComponent(NOBODY.id)}` : '';
  const response = await fetch(`${azure.identityEndpoint}?resource=arm&api-version=2019-08-01${id}`, {
    headers: { 'x-identity-header': azure.identityHeader },
  });
  return ((await response.json()) as { access_token: string }).access_token;
}

function presence(headers: Headers): string[] {
  return HEADERS.filter((name) => headers.has(name));
}

function recordedPresence(exchange: Exchange): string[] {
  return HEADERS.filter((name) => header(exchange, name) !== undefined);
}

type HeaderOf = (name: string) => string | null | undefined;

/** What a 401 says of why, whatever the tenant. */
function challenge(of: HeaderOf): string | undefined {
  return of('www-authenticate')?.replace(/(?<=login\.windows\.net\/)[^"]+/, '');
}

function hasOneId(of: HeaderOf): boolean {
  return of('x-ms-request-id') === of('x-ms-correlation-request-id');
}
