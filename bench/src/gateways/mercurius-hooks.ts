// Loaded before mercurius. Its gateway puts a type where a syntax tree has the type's name, which `print` of graphql 16.15
// refuses: no query of an entity would be sent. The name in its place is what earlier versions made of it.
import { registerHooks } from 'node:module';

const FAULTY = 'value: returnType\n';
const MENDED = 'value: String(returnType)\n';

registerHooks({
  load: (url, context, nextLoad) => {
    const loaded = nextLoad(url, context);
    if (!url.endsWith('/@mercuriusjs/gateway/lib/gateway/make-resolver.js')) return loaded;
    const source = String(loaded.source);
    if (!source.includes(FAULTY)) throw new Error(`${url} has no ${JSON.stringify(FAULTY)} to be mended`);
    return { ...loaded, source: source.replace(FAULTY, MENDED) };
  },
});
