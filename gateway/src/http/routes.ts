// Adds the routes of the gateway to the router of Fastify, with the replies 404, 405 and OPTIONS.
import {
  addRoute,
  HttpError,
  type HttpRequest,
  methodsBeside,
  type PathParameters,
  type Reply,
  type RouteHandler,
} from '@holdfast/platform/http/server';
import type { FastifyInstance, FastifySchema } from 'fastify';
import type { Caller } from '../admission/caller.ts';
import { preflightOf } from './cors.ts';

type RouteMethod = (typeof METHODS)[number];

export interface GatewayRoute {
  readonly methods: readonly RouteMethod[];
  /** In the notation of Fastify. */
  readonly path: string;
  /** The schema that Fastify checks when the handler calls `request.check()`, and that the OpenAPI document shows. */
  readonly schema?: FastifySchema;
  readonly handle: (request: HttpRequest, parameters: PathParameters, caller: Caller) => Promise<Reply>;
}

/** In the order of `Allow`. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** `/problems/:name(^[a-z]+$)` → `/problems/{name}` */
export const templateOf = (path: string): string => path.replace(/:(\w+)(\([^)]*\))?/g, '{$1}');

/** Wraps a handler in the steps of gateway.ts that every request passes before and after it. */
export type ThroughList = (handle: GatewayRoute['handle']) => RouteHandler;

/** Adds the routes. Each path answers OPTIONS, and every other method with 405. */
export function addRoutes(app: FastifyInstance, routes: readonly GatewayRoute[], through: ThroughList): void {
  for (const [path, atPath] of Map.groupBy(routes, (route) => route.path)) {
    for (const { methods, handle, schema } of atPath) {
      const route = { methods, path, template: templateOf(path), handle: through(handle) };
      addRoute(app, schema ? { ...route, schema } : route);
    }
    addMisses(app, path, new Set(atPath.flatMap(({ methods }) => methods)), through);
  }
}

function addMisses(
  app: FastifyInstance,
  path: string,
  taken: ReadonlySet<RouteMethod>,
  through: ThroughList,
): void {
  const allowed = METHODS.filter((method) => taken.has(method));
  const allow = allowed.join(', ');
  const withOptions = `${allow}, OPTIONS`;
  const options = async (): Promise<Reply> => ({ status: 204, headers: { allow: withOptions } });
  const refuse = async ({ method }: HttpRequest): Promise<Reply> => {
    throw new HttpError(405, `This path expects ${allow}, got ${method}.`, { allow });
  };
  addRoute(app, {
    methods: ['OPTIONS'],
    path,
    handle: through(options),
    config: { cors: preflightOf(withOptions) },
  });
  addRoute(app, { methods: methodsBeside([...allowed, 'OPTIONS']), path, handle: through(refuse) });
}

/** Answers at paths that have no route. */
export async function answerUnknownPath(): Promise<Reply> {
  throw new HttpError(404, 'There is no such path; / lists the paths of the API.');
}
