// A program: mercurius as a federation gateway, with the fastest settings of its documentation: it compiles a query at its second
// request, has enough keep-alive connections for the load, and writes no log.
import './mercurius-hooks.ts';
import mercuriusGateway from '@mercuriusjs/gateway';
import Fastify from 'fastify';
import { announce, readArgument } from '../program.ts';
import { federation1SchemaOf, SUBGRAPHS, subgraphUrl } from '../stubs/schemas.ts';
import { portOf } from './http.ts';

const stubs = readArgument(0);
const services = await Promise.all(
  SUBGRAPHS.map(async (name) => ({
    name,
    url: subgraphUrl(stubs, name),
    schema: await federation1SchemaOf(name),
    mandatory: true,
    connections: 100,
    keepAliveMaxTimeout: 300_000,
  })),
);

const app = Fastify();
await app.register(mercuriusGateway.default, { gateway: { services }, jit: 1 });
await app.listen({ port: 0, host: '127.0.0.1' });
announce(portOf(app.server));
