import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Azure } from '../../emulator/azure.ts';
import { anApp, anAzure, vmIn } from '../azure.ts';
import { SUBSCRIPTION } from '../builders.ts';

const LAG_SECONDS = 30;
const query = 'resources | project id, name, env = tostring(tags.env) | order by id asc';

for (const lag of [LAG_SECONDS, 0]) {
  describe(`pages of one query, Resource Graph ${lag} s behind`, () => {
    let now = Date.now();
    let azure: Azure;
    before(async () => {
      const fleet = ['a', 'b', 'c'].map((name) => vmIn(SUBSCRIPTION, name));
      azure = await anAzure({ fleet, graphLagSeconds: lag, clock: { speed: 1, origin: 0, now: () => now } });
    });
    after(() => azure.close());

    it('are of one moment while that is no older than the lag, and fresh after that', async () => {
      const { clients } = anApp(azure);
      let skipToken: string | undefined;
      const nextPage = async (seconds: number) => {
        now += seconds * 1000;
        const options = { top: 1, ...(skipToken && { skipToken }) };
        const page = await clients.resourceGraph.resources({ query, options });
        skipToken = page.skipToken;
        const [row] = page.data as { name: string; env: string }[];
        return `${row?.name} ${row?.env}`;
      };
      for (const name of ['b', 'c']) {
        const vms = clients.compute(SUBSCRIPTION).virtualMachines;
        await vms.update('rg-app', name, { tags: { env: 'new' } }).submitted();
      }

      const pages = [await nextPage(20), await nextPage(20), await nextPage(20)];

      assert.deepEqual(pages, lag > 0 ? ['a ', 'b ', 'c new'] : ['a ', 'b new', 'c new']);
    });
  });
}

it('a seeded resource is on the next page at once', async () => {
  const azure = await anAzure({
    fleet: [vmIn(SUBSCRIPTION, 'a'), vmIn(SUBSCRIPTION, 'c')],
    graphLagSeconds: 1e6,
  });
  try {
    const { resourceGraph } = anApp(azure).clients;
    const first = await resourceGraph.resources({ query, options: { top: 1 } });
    await azure.seed([vmIn(SUBSCRIPTION, 'b')]);
    const { skipToken = '' } = first;
    const second = await resourceGraph.resources({ query, options: { top: 1, skipToken } });

    assert.deepEqual(
      (second.data as { name: string }[]).map(({ name }) => name),
      ['b'],
    );
  } finally {
    await azure.close();
  }
});
