import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { bundle } from '../../scripts/build.ts';

const root = join(import.meta.dirname, '../..');
let folder: string;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dist-'));
  await bundle(join(folder, 'good'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the check on a bundle, in a process of its own as `npm run build` does. */
function check(name: string, env: Record<string, string> = {}) {
  const run = spawnSync(process.execPath, [join(root, 'scripts/checkBuild.ts'), join(folder, name)], {
    env: { PATH: process.env.PATH ?? '', ...env },
    encoding: 'utf8',
  });
  return { code: run.status, text: run.stdout + run.stderr };
}

/** A bundle that is the good one, with its main file changed. */
async function changed(name: string, main: (good: string) => string): Promise<void> {
  await bundle(join(folder, name));
  const file = join(folder, name, 'main.js');
  writeFileSync(file, main(readFileSync(file, 'utf8')));
}

describe('the bundle', () => {
  it('registers what is expected, with nothing beside it', () => {
    const { code, text } = check('good');

    assert.equal(code, 0, text);
  });

  it('ships a source map for each file', () => {
    const files = readdirSync(join(folder, 'good'));

    for (const file of files.filter((name) => name.endsWith('.js')))
      assert.ok(files.includes(`${file}.map`), file);
    assert.doesNotMatch(readFileSync(join(root, '.funcignore'), 'utf8'), /\.map|^dist\/?$/m);
  });
});

describe('the check fails, naming the function, on a bundle that', () => {
  const extra = (code: string) => (good: string) => good.replace(/await import\(/, `${code};await import(`);
  const cases: [string, (good: string) => string, RegExp][] = [
    ['registers nothing', () => 'export {}', /registers no function/],
    ['throws before it registers', extra('throw new Error("boom")'), /boom/],
    [
      'does not switch source maps on',
      (good) => good.replace('setSourceMapsEnabled(!0)', 'setSourceMapsEnabled(!1)'),
      /Source maps are not switched on/,
    ],
  ];
  for (const [name, change, expected] of cases) {
    it(name, async () => {
      await changed('changed', change);

      const { code, text } = check('changed');

      assert.equal(code, 1);
      assert.match(text, expected);
    });
  }

  for (const [name, from, to, expected] of [
    [
      'has another queue',
      '"virtual-machines"',
      '"virtualmachines"',
      /vmWritten: registered as .*virtualmachines/,
    ],
    [
      'has another connection',
      '"AzureWebJobsStorage"',
      '"Storage"',
      /remediateRegion: registered as .*"Storage"/,
    ],
    [
      'has another name for a function',
      '"remediateVm",',
      '"remediateVM",',
      /remediateVm: expected, but not registered/,
    ],
    [
      'sweeps at every start',
      'runOnStartup:!1',
      'runOnStartup:!0',
      /sweep: registered as .*"runOnStartup":true/,
    ],
  ] as const) {
    it(name, async () => {
      await bundle(join(folder, 'changed'));
      for (const file of readdirSync(join(folder, 'changed'))) {
        if (!file.endsWith('.js')) continue;
        const path = join(folder, 'changed', file);
        writeFileSync(path, readFileSync(path, 'utf8').replaceAll(from, to));
      }

      const { code, text } = check('changed');

      assert.equal(code, 1);
      assert.match(text, expected);
    });
  }

  it('has a fixed schedule, as it must only without SWEEP_SCHEDULE', () => {
    const { code, text } = check('good', { SWEEP_SCHEDULE: '' });

    assert.equal(code, 1);
    assert.match(text, /sweep: registered as .*"schedule":"0 0 \* \* \* \*"/);
  });
});
