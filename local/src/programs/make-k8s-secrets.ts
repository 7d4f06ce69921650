// `npm run k8s:secrets`: makes the secrets of the local overlay, for your own cluster.
import { join } from 'node:path';
import { ROOT } from '../root.js';
import { makeSecrets } from '../settings/k8s-secrets.ts';
import { runCommand } from './users-program.ts';

await runCommand('k8s:secrets', async () => {
  const folder = join(ROOT, 'k8s/overlays/local/secrets');
  await makeSecrets(folder);
  console.log(`the secrets of the local overlay are in ${folder}`);
  return 0;
});
