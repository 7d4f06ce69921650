// The variables of an operation, checked before anything else looks at them. graphql-js writes the whole value into
// each error, so that 1 MB of unknown members, reported one by one, would keep the process busy for minutes.
import { getVariableValues } from 'graphql';
import type { LimitableGateway } from '../limits/limited-gateway.js';

/** Enough to mend what is wrong. */
const MAX_ERRORS = 5;

/** A gateway that tells the first faults of the variables only, and executes nothing then. */
export function boundVariables(gateway: LimitableGateway): LimitableGateway {
  return {
    load: async (options) => {
      const { executor } = await gateway.load(options);
      if (!executor) return { executor };
      return {
        executor: async (context) => {
          const { schema, operation, request } = context;
          const { errors } = getVariableValues(
            schema,
            operation.variableDefinitions ?? [],
            request.variables ?? {},
            { maxErrors: MAX_ERRORS },
          );
          // The one after the last says that there are more, in words that are not for callers.
          return errors ? { errors: errors.slice(0, MAX_ERRORS) } : executor(context);
        },
      };
    },
    onSchemaLoadOrUpdate: (callback) => gateway.onSchemaLoadOrUpdate(callback),
    stop: () => gateway.stop(),
  };
}
