// An embedded Azure with a fleet of every shape, which tells what it uses: `emulatorServer.ts {"vms": N}`.
import { startAzure } from '../emulator/azure.ts';
import { generateFleet } from '../emulator/fleet/generate.ts';
import type { Usage } from './emulator.ts';

// Limits are on; at this speed their buckets refill faster than one client can empty them.
const SPEED = 1000;

const { vms } = JSON.parse(process.argv[2] ?? '{}') as { vms: number };
// A lag so long that the next page of a query still finds the first one's result at this speed.
const azure = await startAzure({ fleet: generateFleet({ vms }), speed: SPEED, graphLagSeconds: 3600 });

process.on('message', () => {
  const { user, system } = process.cpuUsage();
  const usage: Usage = { cpuSeconds: (user + system) / 1e6, rss: process.memoryUsage.rss() };
  process.send?.(usage);
});
const { armEndpoint, identityEndpoint, identityHeader, caFile } = azure;
process.send?.({ armEndpoint, identityEndpoint, identityHeader, caFile });
