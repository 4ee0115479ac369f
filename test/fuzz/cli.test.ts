import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { azureForEachTest, vmIn } from '../azure.ts';
import { aVmId, SUBSCRIPTION } from '../builders.ts';
import { cliAgainst } from '../cli.ts';
import { startHostileArm, type Tamper } from './hostileArm.ts';
import { UNPRINTABLE } from './inputs.ts';

const azure = await azureForEachTest();
const arm = await startHostileArm(azure);
after(() => arm.close());

const TEXT = 'x\r\nforged\u2028forged\u202e\u001b[2J\u009bforged\u061c';

/** Every text of every answer that is no id, replaced; with a region left as it is, work on it goes on to the writes. */
const forge =
  (regions: boolean): Tamper =>
  (answer, { url, method }) => {
    if (method === 'PATCH') {
      return { ...answer, status: 409, body: JSON.stringify({ error: { code: TEXT, message: TEXT } }) };
    }
    const replaced = [
      'name',
      'provisioningState',
      'changedBy',
      'text',
      ...(regions ? ['location', 'managedBy'] : []),
    ];
    const onlyTags = url.includes('/virtualMachines/') ? ['provisioningState', 'text'] : replaced;
    const body = JSON.parse(answer.body, (key, value) => (onlyTags.includes(key) ? TEXT : value));
    return { ...answer, body: JSON.stringify(body) };
  };

describe('the command line', () => {
  const commands = [
    ['sweep'],
    ['sweep', '--json'],
    ['plan'],
    ['plan', '--json'],
    ['explain', aVmId('vm-1').id],
    ['explain', aVmId('vm-1').id, '--json'],
    ['report', '--format', 'json', '--output', '-'],
    ['doctor'],
    ['doctor', '--json'],
  ];
  for (const command of commands) {
    it(`${command.join(' ').replace(/\/\S+/, '…')} prints no line that a text of Azure has forged, and no token`, async () => {
      await azure.seed([vmIn(SUBSCRIPTION, 'vm-1', { tags: { text: 'x' } })]);
      arm.choose = () => forge(command[0] !== 'sweep');

      const { stdout, stderr } = await cliAgainst(azure, command, {
        SCOPES: `/subscriptions/${SUBSCRIPTION}`,
        ARM_ENDPOINT: arm.endpoint,
        NODE_EXTRA_CA_CERTS: arm.caFile,
        EMBEDDED_AZURE_CLOCK: `100000@${Date.now()}`,
      });

      const lines = `${stdout}${stderr}`.split('\n');
      assert.ok(lines.length > 1);
      for (const line of lines) {
        assert.doesNotMatch(line, UNPRINTABLE);
        assert.doesNotMatch(line, /^\s*forged|^\s+at .*:\d+:\d+/);
        for (const token of arm.tokens) assert.ok(!line.includes(token));
      }
    });
  }
});
