// Each page is loaded when it is first opened: its module has the page as `Component`.
import { createBrowserRouter } from 'react-router';
import { Layout } from './layout.tsx';
import { NotFound, PageError } from './page-error.tsx';

export const router = createBrowserRouter(
  [
    {
      Component: Layout,
      HydrateFallback: () => null,
      children: [
        {
          ErrorBoundary: PageError,
          children: [
            { index: true, lazy: () => import('./catalog/catalog.tsx') },
            { path: 'products/new', lazy: () => import('./product/new-product.tsx') },
            { path: 'products/:id', lazy: () => import('./product/product.tsx') },
            { path: 'orders', lazy: () => import('./orders/orders.tsx') },
            { path: 'orders/:id', lazy: () => import('./orders/order.tsx') },
            { path: 'accounts', lazy: () => import('./accounts/accounts.tsx') },
            { path: 'accounts/:id', lazy: () => import('./accounts/account.tsx') },
            { path: 'flow', lazy: () => import('./flow/flow.tsx') },
            { path: 'race', lazy: () => import('./race/race-page.tsx') },
            { path: '*', Component: NotFound },
          ],
        },
      ],
    },
  ],
  { basename: '/console' },
);
