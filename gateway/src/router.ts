// From method and path to what answers: find-my-way's tree, plus what HTTP says about the misses.
import type { RequestContext } from '@holdfast/platform/graphql';
import { type Handler, HttpFault, type HttpRequest, type Reply } from '@holdfast/platform/http';
import createTree, { type HTTPMethod, type HTTPVersion, type Handler as TreeHandler } from 'find-my-way';

export type RouterMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface RouterEntry {
  readonly methods: readonly RouterMethod[];
  /** In find-my-way's notation. */
  readonly path: string;
  readonly handle: (
    request: HttpRequest,
    parameters: Readonly<Record<string, string | undefined>>,
    context: RequestContext,
  ) => Promise<Reply>;
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const satisfies readonly HTTPMethod[];

const isMethod = (method: string): method is RouterMethod => METHODS.some((known) => known === method);

/** `/problems/:name(^[a-z]+$)` as `/problems/{name}`. */
const templateOf = (path: string): string => path.replace(/:(\w+)(\([^)]*\))?/g, '{$1}');

/** Says who asks, and until when. @throws when the caller is not to be answered */
export type Enter = (request: HttpRequest) => Promise<RequestContext>;

/**
 * A handler that finds the entry, and answers OPTIONS from the table. Every other request passes `enter` before it is
 * answered, those for which there is no entry too; a browser's preflight does not, because it says nothing of its caller.
 * @throws {HttpFault} 404, or 405 with `Allow` when the path is there for others
 */
export function createRouter(entries: readonly RouterEntry[], enter: Enter): Handler {
  const tree = createTree();
  const byHandler = new Map<TreeHandler<HTTPVersion.V1>, RouterEntry & { readonly template: string }>();
  for (const entry of entries) {
    // The tree's own handlers are never called: they are what it finds an entry by.
    const handler = () => undefined;
    byHandler.set(handler, { ...entry, template: templateOf(entry.path) });
    tree.on([...entry.methods], entry.path, handler);
  }
  const find = (method: RouterMethod, path: string) => tree.find(method, path);

  return async (request) => {
    const { method, path } = request;
    const found = isMethod(method) ? find(method, path) : null;
    const entry = found && byHandler.get(found.handler);
    if (found && entry) {
      request.trail.route = entry.template;
      return entry.handle(request, found.params, await enter(request));
    }
    const allowed = METHODS.filter((other) => find(other, path) !== null);
    const allow = allowed.join(', ');
    if (allowed.length > 0 && method === 'OPTIONS') {
      if (request.fault) throw request.fault;
      return { status: 204, headers: { allow: `${allow}, OPTIONS` } };
    }
    await enter(request);
    if (allowed.length === 0)
      throw new HttpFault(404, 'There is nothing at this path; / says what there is.');
    throw new HttpFault(405, `${allow} is expected here, got ${method}.`, { allow });
  };
}
