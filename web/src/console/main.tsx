// The console: an application for staff, and the reference client of the graph.
import '../shared/theme.css';
import './console.css';
import { ApolloProvider } from '@apollo/client/react';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { RouterProvider } from 'react-router/dom';
import { client, session } from './client.ts';
import { router } from './routes.tsx';

const root = document.querySelector('#root');
if (root === null) throw new Error('console.html has no #root');
void session.resume();
createRoot(root).render(
  <StrictMode>
    <ApolloProvider client={client}>
      <RouterProvider router={router} />
    </ApolloProvider>
  </StrictMode>,
);
