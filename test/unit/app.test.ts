import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createApp } from '../../src/app.ts';
import { SettingsError } from '../../src/settings.ts';
import { SUBSCRIPTION } from '../builders.ts';

const settings = { SCOPES: `/subscriptions/${SUBSCRIPTION}`, AZURE_CLIENT_ID: SUBSCRIPTION };

describe('EMBEDDED_AZURE_CLOCK', () => {
  const speedOf = (env: Record<string, string>) => createApp({ ...settings, ...env }).clock.speed;

  it('sets the speed of the clock for an Azure on this machine', () => {
    for (const host of ['localhost:44300', '127.0.0.1:44300', '[::1]:44300']) {
      assert.equal(speedOf({ ARM_ENDPOINT: `https://${host}`, EMBEDDED_AZURE_CLOCK: '20@0' }), 20);
    }
  });

  it('means nothing elsewhere', () => {
    for (const host of ['management.azure.com', 'localhost.example.com', '128.0.0.1']) {
      assert.equal(speedOf({ ARM_ENDPOINT: `https://${host}`, EMBEDDED_AZURE_CLOCK: '20@0' }), 1);
    }
    assert.equal(speedOf({ EMBEDDED_AZURE_CLOCK: '20@0' }), 1);
    assert.equal(speedOf({ ARM_ENDPOINT: 'https://localhost' }), 1);
  });

  it('must be a speed and an origin', () => {
    for (const EMBEDDED_AZURE_CLOCK of ['fast', '20', '0@0', '-1@0', 'Infinity@0', '20@now']) {
      assert.throws(
        () => speedOf({ ARM_ENDPOINT: 'https://localhost', EMBEDDED_AZURE_CLOCK }),
        SettingsError,
      );
    }
  });
});
