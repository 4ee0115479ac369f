import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HELP, readFlags } from '../../local/flags.ts';

test('without flags it is the demo tenant, at its own speed, with one worker', () => {
  const { embedded, workers, lease, once } = readFlags([]);

  assert.deepEqual(
    { embedded, workers, lease, once },
    { embedded: { fleet: 'demo', speed: 1 }, workers: 1, lease: 600, once: false },
  );
  assert.equal(readFlags(['--azure']).embedded, undefined);
});

const wrong: [args: string[], line: RegExp][] = [
  [['--workers', '0'], /^--workers is "0", expected a number from 1 to 32\. See --help\.$/],
  [['--lease', '1.5'], /^--lease is "1\.5", expected a whole number from 1 to 604800\. See --help\.$/],
  [['--port', ''], /^--port is "", expected a number/],
  [['--workers'], /^Option '--workers <value>' argument missing\. See --help\.$/],
  [['--nope'], /^Unknown option '--nope'\. See --help\.$/],
  [['extra'], /^Unexpected argument 'extra'\. See --help\.$/],
  [['--azure', '--speed', '2'], /do not go with --azure\. See --help\.$/],
];
for (const [args, line] of wrong) {
  test(`"${args.join(' ')}" is refused in one line`, () => {
    assert.throws(() => readFlags(args), { message: line });
  });
}

test('the help fits a terminal', () => {
  assert.deepEqual(
    HELP.split('\n').filter((line) => line.length > 118),
    [],
  );
});
