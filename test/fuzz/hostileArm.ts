import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { Agent, createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import tls from 'node:tls';
import { gunzipSync } from 'node:zlib';
import { makeCertificate } from '../../emulator/arm/certificate.ts';
import type { Azure } from '../../emulator/azure.ts';

/** An answer on its way from the embedded Azure to the app. */
export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** What is done to an answer. `others` is the origin of a host that is not Resource Manager. */
export type Tamper = (answer: Answer, asked: { url: string; method: string }, others: string) => Answer;

/** A Resource Manager between the app and the embedded Azure, that does to answers what it is told to. */
export interface HostileArm {
  readonly endpoint: string;
  /** The authority of both certificates, for a process of its own. */
  readonly caFile: string;
  /** The origin of another host, whose certificate is trusted as well. */
  readonly others: string;
  /** What came here: method and URL, in order. */
  readonly asked: string[];
  /** What came to the other host: nothing ever should. */
  readonly astray: string[];
  /** Every bearer token that was sent. */
  readonly tokens: Set<string>;
  /** How many answers were changed. */
  readonly tampered: () => number;
  /** Chosen for each answer; undefined lets it pass as it is. */
  choose: (asked: { url: string; method: string }) => Tamper | undefined;
  close(): Promise<void>;
}

/** Starts both hosts on this machine, their certificate trusted by this process. */
export async function startHostileArm(azure: Azure): Promise<HostileArm> {
  const { key, cert, caFile, remove } = await makeCertificate();
  const ca = readFileSync(caFile, 'utf8');
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), ca]);
  const agent = new Agent({ keepAlive: true });
  const astray: string[] = [];
  const other = createServer({ key, cert }, (incoming, reply) => {
    astray.push(`${incoming.method} ${incoming.url} ${incoming.headers.authorization ?? ''}`);
    reply.writeHead(200, { 'content-type': 'application/json' }).end('{"value":[]}');
  });
  const others = await listening(other);
  let tampered = 0;
  const server = createServer({ key, cert }, (incoming, reply) => {
    const { url = '', method = '', headers } = incoming;
    arm.asked.push(`${method} ${url}`);
    const token = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1];
    if (token) arm.tokens.add(token);
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', async () => {
      const answer = await forward(azure, agent, { url, method, headers, body: Buffer.concat(chunks) });
      const tamper = arm.choose({ url, method });
      if (tamper) tampered++;
      const { status, headers: said, body } = tamper?.(answer, { url, method }, others) ?? answer;
      try {
        reply.writeHead(status, said).end(body);
      } catch {
        // Node refuses to send such a header; a real host could, so the app gets the answer without it.
        reply.writeHead(status, answer.headers).end(body);
      }
    });
  });
  const arm: HostileArm = {
    endpoint: await listening(server),
    caFile,
    others,
    asked: [],
    astray,
    tokens: new Set(),
    tampered: () => tampered,
    choose: () => undefined,
    async close() {
      agent.destroy();
      for (const one of [server, other]) {
        one.closeAllConnections();
        await new Promise((resolve) => one.close(resolve));
      }
      await remove();
    },
  };
  return arm;
}

async function listening(server: ReturnType<typeof createServer>): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `https://localhost:${(server.address() as AddressInfo).port}`;
}

function forward(
  azure: Azure,
  agent: Agent,
  { url, method, headers, body }: { url: string; method: string; headers: IncomingHttpHeaders; body: Buffer },
): Promise<Answer> {
  const { host: _host, 'accept-encoding': _encoding, ...passed } = headers;
  return new Promise((resolve, reject) => {
    const call = request(`${azure.armEndpoint}${url}`, { method, headers: passed, agent }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => {
        const raw = Buffer.concat(chunks);
        const text = answer.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw;
        const {
          'content-length': _length,
          'content-encoding': _coding,
          'transfer-encoding': _transfer,
          ...said
        } = answer.headers;
        const flat = Object.entries(said).map(([name, value]) => [name, String(value)]);
        resolve({
          status: answer.statusCode ?? 500,
          headers: Object.fromEntries(flat),
          body: text.toString(),
        });
      });
    });
    call.on('error', reject);
    call.end(body);
  });
}
