// The gateway: one graph over the subgraphs, and the REST shim over that graph.
import { setFlagsFromString } from 'node:v8';
import { runService } from '@holdfast/platform/lifecycle/service';
import { connectionsPerAddress, readGatewaySettings } from './config.ts';
import { startGateway } from './gateway.ts';

await runService({
  name: 'gateway',
  isPublic: true,
  timeoutMs: ({ REQUEST_TIMEOUT_MS }) => REQUEST_TIMEOUT_MS,
  maxConnectionsPerAddress: connectionsPerAddress,
  maxUnreadBytes: ({ MAX_UNREAD_BYTES }) => MAX_UNREAD_BYTES,
  readSettings: readGatewaySettings,
  start: startGateway,
});

// V8 collects old garbage once the heap has grown by this share since the last collection. By default, on a machine with
// much memory, V8 lets the heap grow to four times the live data, which here is mostly compiled operations. It is set
// after the start, during which the heap grows to its usual size and each step of this share would be a collection.
setFlagsFromString('--heap-growing-percent=30');
