// After a test run: nothing of it is left.
import { releaseServer } from './server.ts';

export default async function globalTeardown(): Promise<void> {
  await releaseServer();
}
