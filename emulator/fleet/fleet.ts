import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { demoFleet } from './demo.ts';
import { generateFleet } from './generate.ts';

/** A fleet that cannot be read. The message names the file and line. */
export class FleetError extends Error {
  override readonly name = 'FleetError';
}

const MOST_VMS = 2_000_000;

/** Reads a fleet: `demo`, a number of VMs to generate, or a file of ARM resources, one JSON a line. Throws FleetError. */
export async function* readFleet(spec: string): AsyncGenerator<unknown> {
  if (spec === 'demo') return yield* demoFleet();
  if (/^\d+$/.test(spec)) {
    if (Number(spec) > MOST_VMS)
      throw new FleetError(`a fleet of ${spec} VMs is too large; ${MOST_VMS} are possible.`);
    return yield* generateFleet({ vms: Number(spec) });
  }
  let number = 0;
  try {
    for await (const line of createInterface({
      input: createReadStream(spec),
      crlfDelay: Number.POSITIVE_INFINITY,
    })) {
      number++;
      if (line.trim() !== '') yield JSON.parse(line);
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT')
      throw new FleetError(`there is no file ${spec}. --fleet takes a file, "demo" or a number of VMs.`);
    throw new FleetError(`${spec}, line ${number}: ${message}`);
  }
}
