import { useQuery } from '@apollo/client/react';
import { useEffect, useRef, useState } from 'react';
import { Link, useLocation, useNavigation, useSearchParams } from 'react-router';
import { CatalogDocument, ProductSort } from '../../generated/operations.ts';
import { Choice } from '../ui/choice.tsx';
import { errorMessage } from '../ui/error.ts';
import { Field } from '../ui/field.tsx';
import { formatCount, formatTime } from '../ui/format.ts';
import { LoadMore } from '../ui/load-more.tsx';
import { Notice } from '../ui/notice.tsx';

const PAGE_SIZE = 25;
const SORTS = Object.values(ProductSort);
const SORT_TEXTS: Record<ProductSort, string> = {
  NEWEST: 'Newest first',
  OLDEST: 'Oldest first',
  PRICE_ASC: 'Cheapest first',
  PRICE_DESC: 'Most expensive first',
  NAME_ASC: 'By name',
};
const STOCKS = ['available', 'soldOut'] as const;
const STOCK_TEXTS = { available: 'Available', soldOut: 'Sold out' };

/** The address holds search and order, so that users can bookmark them and return to them. */
export function Component() {
  const [parameters, setParameters] = useSearchParams();
  const search = parameters.get('search') ?? '';
  const sort = SORTS.find((known) => known === parameters.get('sort')) ?? ProductSort.NEWEST;
  const stock = STOCKS.find((known) => known === parameters.get('stock'));
  const { data, previousData, error, fetchMore } = useQuery(CatalogDocument, {
    variables: {
      first: PAGE_SIZE,
      sort,
      filter: {
        search: search === '' ? undefined : search,
        inStock: stock === undefined ? undefined : stock === 'available',
      },
    },
    fetchPolicy: 'cache-and-network',
  });
  const set = (name: string, value: string | undefined) =>
    setParameters(
      (before) => {
        if (value === undefined || value === '') before.delete(name);
        else before.set(name, value);
        return before;
      },
      { replace: true },
    );
  // The old rows stay until the new rows have arrived.
  const { edges, pageInfo } = (data ?? previousData)?.products ?? { edges: [], pageInfo: undefined };

  return (
    <>
      <title>Catalog – Holdfast</title>
      <header className="heading">
        <h1>Catalog</h1>
        <Link className="button primary" to="/products/new">
          New product
        </Link>
      </header>
      <div className="toolbar">
        <SearchField value={search} onSearch={(text) => set('search', text)} />
        <Choice
          label="Order"
          values={SORTS}
          value={sort}
          textOf={(value) => SORT_TEXTS[value]}
          onChoose={(value) => set('sort', value)}
        />
        <Choice
          label="Stock"
          values={STOCKS}
          value={stock}
          none="All"
          textOf={(value) => STOCK_TEXTS[value]}
          onChoose={(value) => set('stock', value)}
        />
      </div>
      <Notice kind="problem">{error && errorMessage(error)}</Notice>
      <div className="card rows">
        <table>
          <thead>
            <tr>
              <th>Product</th>
              <th className="number">Price</th>
              <th className="number">Stock</th>
              <th className="number wide">Version</th>
              <th className="time wide">Last change</th>
            </tr>
          </thead>
          <tbody>
            {edges.map(({ node }) => (
              <tr key={node.id}>
                <td>
                  <Link to={`/products/${node.id}`}>{node.name}</Link>
                </td>
                <td className="number">{node.price}</td>
                <td className={node.stock === 0 ? 'number none' : 'number'}>
                  {node.stock === 0 ? 'sold out' : formatCount(node.stock)}
                </td>
                <td className="number wide">{node.version}</td>
                <td className="wide">{formatTime(node.updatedAt)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <LoadMore page={pageInfo} shown={edges.length} load={(after) => fetchMore({ variables: { after } })} />
    </>
  );
}

/** Searches when the user pauses typing. */
function SearchField({ value, onSearch }: { value: string; onSearch: (text: string) => void }) {
  const [text, setText] = useState(value);
  const pause = useRef<ReturnType<typeof setTimeout>>(undefined);
  const here = useLocation();
  const { location: next = here } = useNavigation();
  const isLeaving = next.pathname !== here.pathname;
  // A user who opens another page no longer searches, even while that page is loading.
  useEffect(() => {
    if (isLeaving) clearTimeout(pause.current);
  }, [isLeaving]);
  useEffect(() => () => clearTimeout(pause.current), []);
  return (
    <Field
      label="Search"
      type="search"
      placeholder={'kettle, "cast iron", -steel'}
      maxLength={200}
      value={text}
      onText={(typed) => {
        setText(typed);
        clearTimeout(pause.current);
        pause.current = setTimeout(() => onSearch(typed.trim()), 250);
      }}
    />
  );
}
