// Holds the mutations of a subgraph to the deadline of their request.
import { type GraphQLFieldResolver, type GraphQLSchema, isObjectType } from 'graphql';
import { checkDeadline, withDeadline } from '../deadline.ts';
import type { RequestContext } from './server.ts';

type Resolver = GraphQLFieldResolver<unknown, RequestContext>;

const boundResolver =
  (resolve: Resolver): Resolver =>
  (source, args, context, info) =>
    withDeadline({ deadlineAt: context.deadlineAt, signal: context.request.signal }, () => {
      checkDeadline();
      return resolve(source, args, context, info);
    });

/**
 * Wraps the resolvers of the mutations, once. A mutation is not begun after its deadline, and everything that it does runs under
 * the deadline. Queries have no such wrapper: they change no data, and a request with more time may share what they load.
 */
export function boundMutations(schema: GraphQLSchema): void {
  const type = schema.getMutationType();
  if (!isObjectType(type)) return;
  for (const field of Object.values(type.getFields()))
    if (field.resolve) field.resolve = boundResolver(field.resolve);
}
