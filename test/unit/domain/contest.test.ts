import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { contestOf, contestText, takesAway } from '../../../src/domain/contest.ts';
import { otherIdentity, regionalIdentity } from '../../builders.ts';

const HOUR = 3_600_000;
const removals = (...hours: number[]) =>
  hours.map((hour) => ({ at: hour * HOUR, by: 'terraform', client: 'Unknown' }));
const pauseHours = (...hours: number[]) => {
  const contest = contestOf(removals(...hours));
  return contest && (contest.until - contest.last.at) / HOUR;
};

describe('contestOf', () => {
  it('is a contest from the third removal on', () => {
    assert.equal(contestOf(removals(1, 2)), undefined);
    assert.equal(contestOf(removals(1, 3, 2))?.last.at, 3 * HOUR);
  });

  it('pauses longer with each removal, up to three days', () => {
    assert.equal(pauseHours(1, 2, 3), 4);
    assert.equal(pauseHours(1, 2, 3, 4), 8);
    assert.equal(pauseHours(1, 2, 3, 4, 5), 16);
    assert.equal(pauseHours(...Array.from({ length: 40 }, (_, n) => n)), 72);
  });

  it('never becomes an endless fight: an hourly sweep against a rival at once writes twelve times at most in 14 days', () => {
    const made: number[] = [];
    let writes = 0;
    // Half a year of hours; Azure remembers the last 14 days.
    let most = 0;
    for (let hour = 0; hour < 24 * 180; hour++) {
      const known = made.filter((at) => at > hour - 14 * 24);
      const contest = contestOf(removals(...known));
      if (contest && hour * HOUR < contest.until) continue;
      writes++;
      made.push(hour);
      most = Math.max(most, made.filter((at) => at > hour - 14 * 24).length);
    }

    assert.ok(most <= 12, `${most} writes within 14 days`);
    assert.ok(writes > 24, 'it gave up altogether');
  });

  it('says who, with what, when and until when', () => {
    const contest = contestOf(removals(1, 2, 3));
    assert.ok(contest);

    assert.equal(
      contestText(contest),
      'Taken away 3 times in 14 days, last at 1970-01-01T03:00:00Z by terraform (client Unknown). Assigned again after 1970-01-01T07:00:00Z.',
    );
  });
});

describe('takesAway', () => {
  const goal = regionalIdentity('eastus');
  const was = { previousValue: 'x', newValue: 'null' };
  const cases: [string, Parameters<typeof takesAway>[0], boolean][] = [
    ['the id in the path, gone', { [`identity.userAssignedIdentities.${goal}.clientId`]: was }, true],
    [
      'the id in brackets, in other letter case',
      { [`identity.userAssignedIdentities['${goal.toUpperCase()}']`]: was },
      true,
    ],
    ['no new value at all', { [`identity.userAssignedIdentities.${goal}`]: { previousValue: '{}' } }, true],
    [
      'the id in the values',
      { 'identity.userAssignedIdentities': { previousValue: `{"${goal}":{}}`, newValue: '{}' } },
      true,
    ],
    [
      'the id in the values, and still there',
      {
        'identity.userAssignedIdentities': {
          previousValue: `{"${goal}":{}}`,
          newValue: `{"${goal}":{},"x":{}}`,
        },
      },
      false,
    ],
    [
      'an addition',
      { [`identity.userAssignedIdentities.${goal}`]: { previousValue: 'null', newValue: '{}' } },
      false,
    ],
    [
      'another region whose name is longer',
      { [`identity.userAssignedIdentities.${regionalIdentity('eastus2')}.clientId`]: was },
      false,
    ],
    ['another identity', { [`identity.userAssignedIdentities.${otherIdentity()}`]: was }, false],
    ['something else', { 'properties.provisioningState': was }, false],
  ];
  for (const [name, changes, expected] of cases) {
    it(`${expected ? 'sees' : 'does not take for a removal'}: ${name}`, () => {
      assert.equal(takesAway(changes, goal), expected);
    });
  }

  it('copes with any record', () => {
    const value = fc.option(fc.string(), { nil: undefined });
    const changes = fc.dictionary(fc.string(), fc.record({ previousValue: value, newValue: value }));
    fc.assert(fc.property(changes, (any) => void takesAway(any, goal)));
  });
});
