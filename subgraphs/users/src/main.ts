// The users service: accounts, sessions and the keys that sign access tokens.
import { runService } from '@holdfast/platform/lifecycle/service';
import { readUsersSettings } from './config.ts';
import { startUsers } from './server.ts';

await runService({ name: 'users', timeoutMs: 10_000, readSettings: readUsersSettings, start: startUsers });
