// Loaded into each service of `npm run dev` before its own code: tells the supervisor the path of each file that Node
// loads, also of one that then does not compile, so that a change of the file restarts the services that import it.
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

registerHooks({
  load(url, context, nextLoad) {
    if (url.startsWith('file:') && !url.includes('/node_modules/')) process.send?.(fileURLToPath(url));
    return nextLoad(url, context);
  },
});
