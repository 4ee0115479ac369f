import { goalOf } from '../fleet.ts';

/** The identities of a VM: ids of the user-assigned ones in lower case, and whether it has a system identity. */
export interface Identities {
  readonly system: boolean;
  readonly users: ReadonlySet<string>;
}

/** Something that happened to a VM, in the order in which Resource Manager worked on it. */
export type Happening =
  /** A contender read it. */
  | { readonly what: 'read'; readonly who: string; readonly vm: string }
  /** A contender wrote and was refused because the VM had changed. */
  | { readonly what: 'refused'; readonly who: string; readonly vm: string }
  /** A write was accepted. `before` is undefined where there was no VM; `rival` says which kind of rival wrote it. */
  | {
      readonly what: 'written';
      readonly who: string;
      readonly vm: string;
      readonly rival: string | undefined;
      readonly before: Identities | undefined;
      readonly after: Identities;
    }
  /** A rival's deletion was accepted. */
  | { readonly what: 'deleted'; readonly who: string; readonly vm: string; readonly rival: string };

/** What the contenders' own writes did besides adding the goal identity. */
export interface Damage {
  /** Identities that were on the VM right before a contender's write, and not after it. */
  lostUserAssigned: number;
  lostSystem: number;
  /** Identities a contender's write put on the VM that nobody wanted there: taken away meanwhile by others. */
  broughtBack: number;
}

/** What was counted. */
export interface Count extends Damage {
  /** Rivals' writes accepted between a contender's read and its write of the same VM, or between its write and its confirmation. */
  races: number;
  readonly racesBetween: { readAndWrite: number; writeAndConfirmation: number };
  readonly racesBy: Record<string, number>;
  /** Rivals' writes that a contender saw by a second look before it sent its write; no races. */
  seenBefore: number;
  /** Contenders' writes refused because the VM had changed. */
  refused: number;
  /** Contenders' writes accepted. */
  accepted: number;
  /** Goal identities that rivals' writes took away. */
  goalTaken: number;
}

/** The state at the end beside what the accepted writes add up to. */
export interface Ending extends Damage {
  readonly vms: number;
  /** VMs that neither carry their goal identity nor are left alone for their single one (R5). */
  withoutGoal: number;
}

/** Keeps what each VM's identities must be, and counts races and what the contenders do to them. */
export interface Ledger {
  readonly count: Count;
  /** The first ten contenders' writes that did damage, in words. */
  readonly damage: readonly string[];
  happened(one: Happening): void;
  /** Compares with what there is: VMs by id in lower case. */
  close(vms: ReadonlyMap<string, { readonly location: string; readonly identities: Identities }>): Ending;
}

const MOST_NOTED = 10;

type Window = { state: 'read' | 'written'; between: string[] };

/**
 * Makes a ledger. A rival's write is taken as it is: what it changed, it meant to change. A contender may add the goal
 * identity; all else its write changes is damage.
 */
export function createLedger(): Ledger {
  const due = new Map<string, { system: boolean; users: Set<string> }>();
  const damage: string[] = [];
  const windows = new Map<string, Map<string, Window>>();
  const count: Count = {
    races: 0,
    racesBetween: { readAndWrite: 0, writeAndConfirmation: 0 },
    racesBy: {},
    seenBefore: 0,
    refused: 0,
    accepted: 0,
    goalTaken: 0,
    lostUserAssigned: 0,
    lostSystem: 0,
    broughtBack: 0,
  };

  function note({ vm, before, after }: Happening & { what: 'written' }): void {
    if (damage.length < MOST_NOTED) damage.push(`${vm}: ${textOf(before)} became ${textOf(after)}`);
  }

  function windowsOf(vm: string): Map<string, Window> {
    const known = windows.get(vm) ?? new Map<string, Window>();
    windows.set(vm, known);
    return known;
  }

  function endWindow(vm: string, who: string): void {
    const window = windowsOf(vm).get(who);
    windowsOf(vm).delete(who);
    if (!window) return;
    count.races += window.between.length;
    count.racesBetween[window.state === 'read' ? 'readAndWrite' : 'writeAndConfirmation'] +=
      window.between.length;
    for (const kind of window.between) count.racesBy[kind] = (count.racesBy[kind] ?? 0) + 1;
  }

  // To a contender its own other copy is a rival, too. A write that falls into the windows of both is one race.
  function noteRival(vm: string, by: string, kind: string): void {
    for (const [who, window] of windowsOf(vm)) {
      if (who === by) continue;
      window.between.push(kind);
      return;
    }
  }

  function written(one: Happening & { what: 'written' }): void {
    const { vm, who, rival, after } = one;
    const before = one.before ?? { system: false, users: new Set<string>() };
    const removed = [...before.users].filter((id) => !after.users.has(id));
    const added = [...after.users].filter((id) => !before.users.has(id));
    const expected = one.before ? (due.get(vm) ?? copyOf(before)) : copyOf(before);
    due.set(vm, expected);
    noteRival(vm, who, rival ?? 'second copy');
    if (rival !== undefined) {
      for (const id of removed) expected.users.delete(id);
      for (const id of added) expected.users.add(id);
      if (before.system !== after.system) expected.system = after.system;
      count.goalTaken += removed.filter(isGoal).length;
      return;
    }
    count.accepted++;
    const back = added.filter((id) => !isGoal(id));
    count.lostUserAssigned += removed.length;
    if (before.system && !after.system) count.lostSystem++;
    count.broughtBack += back.length + (!before.system && after.system ? 1 : 0);
    if (removed.length + back.length > 0 || before.system !== after.system) note(one);
    endWindow(vm, who);
    windowsOf(vm).set(who, { state: 'written', between: [] });
  }

  return {
    count,
    damage,
    happened(one) {
      if (one.what === 'written') return written(one);
      const { vm, who } = one;
      if (one.what === 'deleted') return noteRival(vm, who, one.rival);
      if (one.what === 'refused') {
        count.refused++;
        return endWindow(vm, who);
      }
      const window = windowsOf(vm).get(who);
      if (window?.state === 'written') endWindow(vm, who);
      else count.seenBefore += window?.between.length ?? 0;
      windowsOf(vm).set(who, { state: 'read', between: [] });
    },
    close(vms) {
      const end: Ending = {
        vms: vms.size,
        withoutGoal: 0,
        lostUserAssigned: 0,
        lostSystem: 0,
        broughtBack: 0,
      };
      for (const [vm, { location, identities }] of vms) {
        const { system, users } = identities;
        const expected = due.get(vm) ?? { system, users };
        const foreign = [...users].filter((id) => !isGoal(id));
        end.lostUserAssigned += [...expected.users].filter((id) => !isGoal(id) && !users.has(id)).length;
        end.broughtBack += foreign.filter((id) => !expected.users.has(id)).length;
        if (expected.system && !system) end.lostSystem++;
        if (system && !expected.system) end.broughtBack++;
        const goal = goalOf(vm.split('/')[2] ?? '', location).toLowerCase();
        if (!users.has(goal) && (system || users.size !== 1)) end.withoutGoal++;
      }
      return end;
    },
  };
}

function textOf(identities: Identities | undefined): string {
  if (!identities) return 'no VM';
  return (
    [...(identities.system ? ['system'] : []), ...[...identities.users].map(lastPart)].join(' + ') || 'none'
  );
}

function lastPart(id: string): string {
  return id.slice(id.lastIndexOf('/') + 1);
}

function copyOf({ system, users }: Identities): { system: boolean; users: Set<string> } {
  return { system, users: new Set(users) };
}

function isGoal(id: string): boolean {
  return /\/built-in-identity-[a-z0-9]+$/.test(id);
}
