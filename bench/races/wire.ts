import { setTimeout as delay } from 'node:timers/promises';
import type { PipelinePolicy } from '@azure/core-rest-pipeline';

// Of the machine's time; a second of the embedded Azure's is forty.
const FROM_MS = 3;
const TO_MS = 15;
const VM_PATH = /\/virtualMachines\/[^/]+$/i;

/**
 * The way between a contender and Azure, as far as a continent: each request about a VM and each answer takes some
 * ms, by chance. So other calls can come in between, as they do in Azure; the machine alone would leave no gap.
 */
export function longWire(random: () => number): PipelinePolicy {
  const travel = () => delay(FROM_MS + random() * (TO_MS - FROM_MS));
  return {
    name: 'longWire',
    async sendRequest(request, next) {
      if (!VM_PATH.test(new URL(request.url).pathname)) return next(request);
      await travel();
      const response = await next(request);
      await travel();
      return response;
    },
  };
}

/** Holds a request about a VM back until what `held` tells of it (path in lower case) is over. */
export function waiting(held: (vm: string) => Promise<unknown>): PipelinePolicy {
  return {
    name: 'waiting',
    async sendRequest(request, next) {
      const { pathname } = new URL(request.url);
      if (VM_PATH.test(pathname)) await held(pathname.toLowerCase());
      return next(request);
    },
  };
}
