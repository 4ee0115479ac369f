import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** What a service behind a gate does. */
export type Mood = 'well' | 'breaks' | 'busy' | 'denies' | 'slow';

/** A service reached over a gate, which can keep callers from it. */
export interface Gate {
  /** http, without a path. */
  readonly url: string;
  mood: Mood;
  close(): Promise<void>;
}

const SLOW_MS = 1_500;

/** Opens a gate before a service on this machine. */
export async function aGate(target: string): Promise<Gate> {
  const server = createServer(async (incoming, outgoing) => {
    if (gate.mood === 'breaks') return void incoming.socket.destroy();
    if (gate.mood === 'busy') return void outgoing.writeHead(503).end();
    if (gate.mood === 'denies') return void outgoing.writeHead(403).end();
    if (gate.mood === 'slow') await delay(SLOW_MS, undefined, { ref: false });
    const { method, headers, url = '/' } = incoming;
    const onwards = httpRequest(target + url, { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onwards.on('error', () => incoming.socket.destroy());
    incoming.pipe(onwards);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const gate: Gate = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    mood: 'well',
    async close() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
  return gate;
}
