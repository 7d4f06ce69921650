// The gateway's routes in Fastify's router, and what HTTP says about the misses.
import type { RequestContext } from '@holdfast/platform/graphql';
import {
  addRoute,
  HttpFault,
  type HttpRequest,
  methodsBeside,
  type PathParameters,
  type Reply,
  type RouteHandler,
} from '@holdfast/platform/http';
import type { FastifyInstance } from 'fastify';
import { preflightOf } from './http/cors.ts';

type RouteMethod = (typeof METHODS)[number];

export interface GatewayRoute {
  readonly methods: readonly RouteMethod[];
  /** In Fastify's notation. */
  readonly path: string;
  readonly handle: (
    request: HttpRequest,
    parameters: PathParameters,
    context: RequestContext,
  ) => Promise<Reply>;
}

/** In the order of `Allow`. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** `/problems/:name(^[a-z]+$)` as `/problems/{name}`. */
const templateOf = (path: string): string => path.replace(/:(\w+)(\([^)]*\))?/g, '{$1}');

/** What every request passes. */
export interface Passage {
  /** Says who asks, and until when. @throws when the caller is not to be answered */
  readonly enter: (request: HttpRequest) => Promise<RequestContext>;
  /** Makes what a handler gives, or throws, the gateway's reply. */
  readonly leave: (handler: RouteHandler) => RouteHandler;
}

/**
 * Adds the routes. Each path answers OPTIONS, and every other method with 405. All requests pass `enter`, but a browser's
 * preflight, because it says nothing of its caller.
 */
export function addRoutes(app: FastifyInstance, routes: readonly GatewayRoute[], passage: Passage): void {
  for (const [path, atPath] of Map.groupBy(routes, (route) => route.path)) {
    for (const { methods, handle } of atPath) {
      const whole: RouteHandler = async (request, parameters) =>
        handle(request, parameters, await passage.enter(request));
      addRoute(app, { methods, path, template: templateOf(path), handle: passage.leave(whole) });
    }
    addMisses(app, path, new Set(atPath.flatMap(({ methods }) => methods)), passage);
  }
}

function addMisses(
  app: FastifyInstance,
  path: string,
  taken: ReadonlySet<RouteMethod>,
  { enter, leave }: Passage,
): void {
  const allowed = METHODS.filter((method) => taken.has(method));
  const allow = allowed.join(', ');
  const withOptions = `${allow}, OPTIONS`;
  const options: RouteHandler = async (request) => {
    if (request.fault) throw request.fault;
    return { status: 204, headers: { allow: withOptions } };
  };
  const refuse: RouteHandler = async (request) => {
    await enter(request);
    throw new HttpFault(405, `${allow} is expected here, got ${request.method}.`, { allow });
  };
  addRoute(app, {
    methods: ['OPTIONS'],
    path,
    handle: leave(options),
    config: { cors: preflightOf(withOptions) },
  });
  addRoute(app, { methods: methodsBeside([...allowed, 'OPTIONS']), path, handle: leave(refuse) });
}

/** Answers at paths where nothing is. */
export const nothingHere = ({ enter, leave }: Passage): RouteHandler =>
  leave(async (request) => {
    await enter(request);
    throw new HttpFault(404, 'There is nothing at this path; / says what there is.');
  });
