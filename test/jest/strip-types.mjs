// Jest's transform of TypeScript: the types become spaces, as in Node itself, so lines and columns stay what they are.
import { stripTypeScriptTypes } from 'node:module';

export default { process: (source) => ({ code: stripTypeScriptTypes(source) }) };
