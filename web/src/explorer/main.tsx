// The explorer: GraphiQL with the tabs of the story. It loads files from this server only.
import 'graphiql/setup-workers/vite';
import { DOC_EXPLORER_PLUGIN } from '@graphiql/plugin-doc-explorer';
import { createGraphiQLFetcher, type Fetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import { Kind, parse } from 'graphql';
import { createRoot } from 'react-dom/client';
// graphiql/style.css is not used: half of it is fonts in data: URLs, which the page's policy blocks.
import '@graphiql/react/style.css';
import '@graphiql/plugin-doc-explorer/style.css';
import 'graphiql/graphiql.css';
import '../shared/theme.css';
import './explorer.css';
import { showSessionButton } from '../shared/session-button.ts';
import { learnFrom, STORY } from './story.ts';
import { TabUpdates } from './tab-updates.tsx';

const send = createGraphiQLFetcher({ url: '/graphql', enableIncrementalDelivery: false });

/** GraphiQL updates the name of the operation a moment after a tab is opened, and would send the name of the tab before. */
function isOnlyOperation(text: string): boolean {
  try {
    return parse(text).definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION).length === 1;
  } catch {
    // The server reports the error of the text.
    return false;
  }
}

const fetcher: Fetcher = async ({ operationName, ...asked }, options) => {
  const name = isOnlyOperation(asked.query) ? undefined : operationName;
  const reply = await send({ ...asked, operationName: name }, options);
  learnFrom(reply);
  return reply;
};

function startAgain(): void {
  for (const key of Object.keys(sessionStorage))
    if (key.startsWith('graphiql:')) sessionStorage.removeItem(key);
  location.reload();
}

/** From this width on, in px, the documentation fits beside the editors. */
const WIDE = 1_200;

function Explorer() {
  return (
    <GraphiQL
      fetcher={fetcher}
      defaultTabs={[...STORY]}
      // The history is off, because it would keep headers with tokens. Variables may contain a password: they end with the browser's tab.
      plugins={[]}
      storage={sessionStorage}
      shouldPersistHeaders={false}
      defaultEditorToolsVisibility="variables"
      {...(window.innerWidth >= WIDE && { visiblePlugin: DOC_EXPLORER_PLUGIN })}
      inputValueDeprecation
      schemaDescription
    >
      <GraphiQL.Logo>
        <TabUpdates />
      </GraphiQL.Logo>
    </GraphiQL>
  );
}

const root = document.querySelector('#root');
if (root !== null) createRoot(root).render(<Explorer />);
showSessionButton('#session');
document.querySelector('#again')?.addEventListener('click', startAgain);
