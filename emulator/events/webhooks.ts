import { once } from 'node:events';
import {
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  STATUS_CODES,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { text } from 'node:stream/consumers';

/** What came back from a webhook, or why nothing did, in the words of Event Grid's lastDeliveryOutcome. */
export type WebhookAnswer = Answered | NoAnswer;

export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

interface NoAnswer {
  readonly status: 0;
  readonly failure: 'TimedOut' | 'SocketError' | 'ResolutionError' | 'Aborted';
  readonly detail: string;
}

/** One request to a webhook. */
export interface WebhookRequest {
  readonly url: string;
  readonly method: 'POST' | 'OPTIONS';
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Calls webhooks over connections that are kept. */
export interface Webhooks {
  /** Never rejects. `signal` breaks the exchange off. */
  send(request: WebhookRequest, signal: AbortSignal): Promise<WebhookAnswer>;
  /** Closes the connections. */
  close(): void;
}

/** `answerLimitMs`, of the machine's time, is how long an answer may take. */
export function createWebhooks(answerLimitMs: number): Webhooks {
  const agents = {
    'http:': new HttpAgent({ keepAlive: true }),
    'https:': new HttpsAgent({ keepAlive: true }),
  };

  async function exchange(asked: WebhookRequest, signal: AbortSignal): Promise<Answered> {
    const { url, method, body } = asked;
    const secure = new URL(url).protocol === 'https:';
    const headers = { ...asked.headers, 'content-length': String(Buffer.byteLength(body)) };
    const agent = agents[secure ? 'https:' : 'http:'];
    const request = (secure ? httpsRequest : httpRequest)(url, { method, headers, agent, signal });
    // `once` below stops listening at the answer; what breaks after that shows where the body is read.
    request.on('error', () => undefined);
    request.end(body);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    return { status: response.statusCode ?? 0, headers: response.headers, body: await text(response) };
  }

  return {
    async send(request, signal) {
      const limit = AbortSignal.timeout(answerLimitMs);
      try {
        return await exchange(request, AbortSignal.any([signal, limit]));
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        if (limit.aborted) {
          return { status: 0, failure: 'TimedOut', detail: `no answer within ${answerLimitMs / 1000} s` };
        }
        if (signal.aborted) return { status: 0, failure: 'Aborted', detail: 'Event Grid was stopped' };
        const unknownHost = code === 'ENOTFOUND' || code === 'EAI_AGAIN';
        return { status: 0, failure: unknownHost ? 'ResolutionError' : 'SocketError', detail: message };
      }
    },
    close() {
      for (const agent of Object.values(agents)) agent.destroy();
    },
  };
}

/** A status as Event Grid's messages spell it, `NotFound`. */
export function statusName(status: number): string {
  if (status === 413) return 'RequestEntityTooLarge';
  return STATUS_CODES[status]?.replaceAll(/[^A-Za-z]/g, '') ?? 'Unknown';
}
