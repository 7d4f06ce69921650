// The gateway: one graph over the subgraphs, and the REST shim over that graph.
import { setFlagsFromString } from 'node:v8';
import { runService } from '@holdfast/platform/lifecycle/service';
import { connectionsPerAddress, readGatewaySettings } from './config.ts';
import { startGateway } from './gateway.ts';

// V8 collects old garbage once the heap has grown by this much since the last time. On a machine with much memory that is
// up to four times what lives, which is mostly compiled operations here.
setFlagsFromString('--heap-growing-percent=30');

await runService({
  name: 'gateway',
  isPublic: true,
  timeoutMs: ({ REQUEST_TIMEOUT_MS }) => REQUEST_TIMEOUT_MS,
  maxConnectionsPerAddress: connectionsPerAddress,
  maxUnreadBytes: ({ MAX_UNREAD_BYTES }) => MAX_UNREAD_BYTES,
  readSettings: readGatewaySettings,
  start: startGateway,
});
