// `npm run dev` loads this into each service before the service's own code. It sends the supervisor the path of each file that Node
// loads, even when the file then does not compile, so that a change of the file restarts the services that import it.
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

registerHooks({
  load(url, context, nextLoad) {
    if (url.startsWith('file:') && !url.includes('/node_modules/')) process.send?.(fileURLToPath(url));
    return nextLoad(url, context);
  },
});
