import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';

it('the host samples no request, no exception and no audit event', () => {
  const host = JSON.parse(readFileSync(join(import.meta.dirname, '../../../host.json'), 'utf8'));
  const { isEnabled, excludedTypes } = host.logging.applicationInsights.samplingSettings;

  assert.ok(isEnabled);
  assert.deepEqual(excludedTypes.split(';').sort(), ['Event', 'Exception', 'Request']);
});
