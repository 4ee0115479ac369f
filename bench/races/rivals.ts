import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import { createTokens } from '../../emulator/arm/tokens.ts';
import type { Azure } from '../../emulator/azure.ts';
import type { ArmIdentity, ArmResource } from '../../emulator/state/armResource.ts';
import { otherIdentities, raceVm, rival } from './fleet.ts';
import type { RivalAct, RivalKind } from './schedule.ts';

/** Others who write to the VMs, over the wire. */
export interface Rivals {
  /** Does one thing to a VM, when its time has come. Never throws: a rival that is refused gives up. */
  play(vm: string, act: RivalAct & { kind: Exclude<RivalKind, 'event'> }): Promise<void>;
  close(): void;
}

interface Answer {
  readonly status: number;
  readonly body: ArmResource;
  readonly etag: string;
  /** How long Azure asks to wait, in ms of the machine's time. */
  readonly waitMs: number;
}

const API_VERSION = '2024-11-01';
const MOST_TRIES = 8;
// Until the deletion is over, 300 s of the embedded Azure's at most.
const MOST_TRIES_TO_MAKE = 1000;
const BETWEEN_TRIES_MS = 5;

/**
 * Rivals in this process. All but the whole PUT are as careful as can be: they send what they change with the ETag of
 * their reading, so that what is lost is not lost by them, and come back to a deletion when Azure says. The whole PUT is as careless as Terraform: it reads the VM,
 * and a while later puts back all it read.
 */
export function createRivals(azure: Azure): Rivals {
  const ca = readFileSync(azure.caFile, 'utf8');
  const agent = new Agent({ ca, keepAlive: true, maxSockets: 64 });
  const { token } = createTokens().issue(rival, azure.armEndpoint, 24 * 60 * 60);

  function call(kind: RivalKind, method: string, vm: string, body?: unknown, etag?: string): Promise<Answer> {
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'x-ms-correlation-request-id': kind,
      ...(etag !== undefined && { 'if-match': etag }),
    };
    const url = `${azure.armEndpoint}${vm}?api-version=${API_VERSION}`;
    return new Promise((resolve, reject) => {
      const sent = request(url, { method, agent, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const answer = text === '' ? {} : (JSON.parse(text) as ArmResource);
          resolve({
            status: response.statusCode ?? 0,
            body: answer as ArmResource,
            etag: String(response.headers.etag ?? ''),
            waitMs: Number(response.headers['retry-after-ms'] ?? 0),
          });
        });
      });
      sent.on('error', reject);
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  async function change(
    kind: RivalKind,
    vm: string,
    changed: (identity: ArmIdentity | undefined) => object | undefined,
  ): Promise<void> {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const { status, body, etag } = await call(kind, 'GET', vm);
      const identity = status === 200 ? changed(body.identity) : undefined;
      if (!identity) return;
      const written = await call(kind, 'PATCH', vm, { identity }, etag);
      if (written.status !== 412 && written.status !== 409) return;
    }
  }

  async function putWhole(kind: RivalKind, vm: string, heldMs: number): Promise<void> {
    const { status, body } = await call(kind, 'GET', vm);
    if (status !== 200) return;
    await delay(heldMs);
    const { location, tags, properties, identity } = body;
    const ids = Object.keys(identity?.userAssignedIdentities ?? {});
    const map = Object.fromEntries(ids.map((id) => [id, {}]));
    const type = identity?.type ?? 'None';
    const whole = { type, ...(ids.length > 0 && { userAssignedIdentities: map }) };
    await call(kind, 'PUT', vm, { location, tags: { ...tags, by: 'template' }, properties, identity: whole });
  }

  async function makeAgain(kind: RivalKind, vm: string, pick: number): Promise<void> {
    const { status, body } = await call(kind, 'GET', vm);
    if (status !== 200) return;
    const deleted = await call(kind, 'DELETE', vm);
    if (deleted.status >= 300) return;
    await delay(deleted.waitMs);
    const { identity } = raceVm(Math.floor(pick * 1000), 1);
    const ids = otherIdentities(vm.split('/')[2] ?? '').slice(0, countOf(identity));
    const map = Object.fromEntries(ids.map((id) => [id, {}]));
    const made = identity && { type: identity.type, ...(ids.length > 0 && { userAssignedIdentities: map }) };
    const { location } = body;
    for (let tries = 0; tries < MOST_TRIES_TO_MAKE; tries++) {
      const whole = { location, properties: {}, ...(made && { identity: made }) };
      if ((await call(kind, 'PUT', vm, whole)).status !== 409) return;
      await delay(BETWEEN_TRIES_MS);
    }
  }

  async function act(vm: string, { kind, heldMs, pick }: Parameters<Rivals['play']>[1]): Promise<void> {
    const others = otherIdentities(vm.split('/')[2] ?? '');
    if (kind === 'system on') await change(kind, vm, systemOn);
    if (kind === 'system off') await change(kind, vm, systemOff);
    if (kind === 'identity added') await change(kind, vm, (identity) => adding(identity, others, pick));
    if (kind === 'identity removed') await change(kind, vm, (identity) => removing(identity, others, pick));
    if (kind === 'whole PUT') await putWhole(kind, vm, heldMs);
    if (kind === 'deleted and made again') await makeAgain(kind, vm, pick);
    if (kind === 'deleted') await call(kind, 'DELETE', vm);
  }

  return {
    async play(vm, one) {
      await delay(one.delayMs);
      await act(vm, one);
    },
    close: () => agent.destroy(),
  };
}

const has = (identity: ArmIdentity | undefined, type: string) => identity?.type.includes(type) ?? false;
const idsOf = (identity: ArmIdentity | undefined) => Object.keys(identity?.userAssignedIdentities ?? {});
const countOf = (identity: ArmIdentity | undefined) => idsOf(identity).length;
const isAmong = (id: string, ids: readonly string[]) =>
  ids.some((one) => one.toLowerCase() === id.toLowerCase());

function typeOf(system: boolean, user: boolean): string {
  return [...(system ? ['SystemAssigned'] : []), ...(user ? ['UserAssigned'] : [])].join(', ') || 'None';
}

function systemOn(identity: ArmIdentity | undefined) {
  if (has(identity, 'SystemAssigned')) return undefined;
  return { type: typeOf(true, countOf(identity) > 0) };
}

function systemOff(identity: ArmIdentity | undefined) {
  if (!has(identity, 'SystemAssigned')) return undefined;
  return { type: typeOf(false, countOf(identity) > 0) };
}

function adding(identity: ArmIdentity | undefined, others: readonly string[], pick: number) {
  const free = others.filter((id) => !isAmong(id, idsOf(identity)));
  const id = free[Math.floor(pick * free.length)];
  if (id === undefined) return undefined;
  return { type: typeOf(has(identity, 'SystemAssigned'), true), userAssignedIdentities: { [id]: {} } };
}

function removing(identity: ArmIdentity | undefined, others: readonly string[], pick: number) {
  const own = idsOf(identity).filter((id) => isAmong(id, others));
  const id = own[Math.floor(pick * own.length)];
  if (id === undefined) return undefined;
  const system = has(identity, 'SystemAssigned');
  if (countOf(identity) === 1) return { type: typeOf(system, false) };
  return { type: typeOf(system, true), userAssignedIdentities: { [id]: null } };
}
