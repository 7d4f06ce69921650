// Corrects an error of mercurius' gateway before it is loaded. The gateway writes a type into a syntax tree in place of the type's
// name, which `print` of graphql 16.15 refuses, so it could not query an entity. Earlier versions converted the type to its name.
import { registerHooks } from 'node:module';

const WRONG = 'value: returnType\n';
const CORRECTED = 'value: String(returnType)\n';

registerHooks({
  load: (url, context, nextLoad) => {
    const loaded = nextLoad(url, context);
    if (!url.endsWith('/@mercuriusjs/gateway/lib/gateway/make-resolver.js')) return loaded;
    const source = String(loaded.source);
    if (!source.includes(WRONG)) throw new Error(`${url} has no ${JSON.stringify(WRONG)} to correct`);
    return { ...loaded, source: source.replace(WRONG, CORRECTED) };
  },
});
