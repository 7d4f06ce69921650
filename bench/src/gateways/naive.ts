// A program: @apollo/gateway exactly as its documentation shows it.

import { readFile } from 'node:fs/promises';
import { ApolloGateway } from '@apollo/gateway';
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import { announce, readArgument } from '../program.ts';

const gateway = new ApolloGateway({ supergraphSdl: await readFile(readArgument(0), 'utf8') });
const server = new ApolloServer({ gateway });
const { url } = await startStandaloneServer(server, { listen: { port: 0, host: '127.0.0.1' } });
announce(Number(new URL(url).port));
