// The explorer: GraphiQL with the story's tabs. Everything that it loads comes from this server.
import 'graphiql/setup-workers/vite';
import { DOC_EXPLORER_PLUGIN } from '@graphiql/plugin-doc-explorer';
import { createGraphiQLFetcher, type Fetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import { Kind, parse } from 'graphql';
import { createRoot } from 'react-dom/client';
// Not graphiql/style.css, of which half is fonts that the policy of the page keeps out: they are data: URLs.
import '@graphiql/react/style.css';
import '@graphiql/plugin-doc-explorer/style.css';
import 'graphiql/graphiql.css';
import '../shared/theme.css';
import './explorer.css';
import { showSessionButton } from '../shared/session-button.ts';
import { learnFrom, STORY } from './story.ts';
import { TabUpdates } from './tab-updates.tsx';

const send = createGraphiQLFetcher({ url: '/graphql', enableIncrementalDelivery: false });

/** GraphiQL learns the name of the operation a moment after a tab was opened, and would send that of the tab before. */
function isOnlyOperation(text: string): boolean {
  try {
    return parse(text).definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION).length === 1;
  } catch {
    // What is wrong with it is the server's to say.
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

/** From this width on the documentation has room beside the editors, px. */
const WIDE = 1_200;

function Explorer() {
  return (
    <GraphiQL
      fetcher={fetcher}
      defaultTabs={[...STORY]}
      // Without the history, which keeps headers, and so tokens. Variables may have a password: they go with the browser's tab.
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
