// Holds the mutations of a subgraph to the deadline of their request.
import { type GraphQLFieldResolver, type GraphQLSchema, isObjectType } from 'graphql';
import { checkDeadline, withDeadline } from '../deadline.ts';
import type { RequestContext } from './server.ts';

type Resolver = GraphQLFieldResolver<unknown, RequestContext>;

const bounded =
  (resolve: Resolver): Resolver =>
  (source, args, context, info) =>
    withDeadline({ deadlineAt: context.deadlineAt, signal: context.request.signal }, () => {
      checkDeadline();
      return resolve(source, args, context, info);
    });

/**
 * Wraps the resolvers of the mutations, once: one whose time is over is not begun, and what one does runs under its
 * deadline. A query changes nothing, and what it loads may be shared with a request that has more time.
 */
export function boundMutations(schema: GraphQLSchema): void {
  const type = schema.getMutationType();
  if (!isObjectType(type)) return;
  for (const field of Object.values(type.getFields()))
    if (field.resolve) field.resolve = bounded(field.resolve);
}
