// Writes the session's token and the created product into the tabs. It is a child of GraphiQL, whose tabs it changes.
import { useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { useEffect, useLayoutEffect, useSyncExternalStore } from 'react';
import { currentSession, onSessionChange } from '../shared/session.ts';
import { createdProduct, onCreated } from './story.ts';
import { headersWith, variablesWith } from './tab-texts.ts';

/** The new headers and variables of each tab; undefined leaves them unchanged. */
interface Change {
  readonly headers?: (text: string | null | undefined) => string;
  readonly variables?: (text: string | null | undefined) => string | undefined;
}

/** Changes all tabs, including the open one. */
function useChangeTabs(): (change: Change) => void {
  const { moveTab, updateActiveTabValues } = useGraphiQLActions();
  const { tabs, activeTabIndex, headerEditor, variableEditor } = useGraphiQL((state) => state);
  return ({ headers, variables }) => {
    const active = tabs[activeTabIndex];
    moveTab(
      tabs.map((tab) =>
        tab === active
          ? tab
          : {
              ...tab,
              headers: headers ? headers(tab.headers) : tab.headers,
              variables: variables?.(tab.variables) ?? tab.variables,
            },
      ),
    );
    // The content of the open tab is in the editors.
    const open = {
      headers: headers?.(headerEditor?.getValue()),
      variables: variables?.(variableEditor?.getValue()),
    };
    if (open.headers !== undefined) headerEditor?.setValue(open.headers);
    if (open.variables !== undefined) variableEditor?.setValue(open.variables);
    // GraphiQL copies the editors into the open tab 100 ms later. A click on a tab before that would bring the old text back. The copy
    // is made after all effects of this moment, because moveTab finds the open tab by its identity, which a copy changes.
    const changed = Object.entries(open).filter(([, text]) => text !== undefined);
    queueMicrotask(() => updateActiveTabValues(Object.fromEntries(changed)));
  };
}

/**
 * Makes the row of tabs a list of buttons for screen readers. GraphiQL marks it as a tab list, whose tabs may not contain a button,
 * but its tabs have a button to close them.
 */
function useListOfTabs(): void {
  const { tabs, activeTabIndex } = useGraphiQL((state) => state);
  // biome-ignore lint/correctness/useExhaustiveDependencies: GraphiQL has rendered other tabs then
  useLayoutEffect(() => {
    document.querySelector('.graphiql-tabs')?.setAttribute('role', 'list');
    for (const tab of document.querySelectorAll('.graphiql-tab')) {
      const isOpen = tab.classList.contains('graphiql-tab-active');
      tab.setAttribute('role', 'listitem');
      tab.removeAttribute('aria-selected');
      tab.querySelector('.graphiql-tab-button')?.setAttribute('aria-current', String(isOpen));
    }
  }, [tabs, activeTabIndex]);
}

/** Renders no element; it only changes GraphiQL's tabs. */
export function TabUpdates() {
  useListOfTabs();
  const changeTabs = useChangeTabs();
  const isReady = useGraphiQL(({ headerEditor, variableEditor }) => Boolean(headerEditor && variableEditor));
  const session = useSyncExternalStore(onSessionChange, currentSession);
  const created = useSyncExternalStore(onCreated, createdProduct);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the tabs change with every key that is pressed
  useEffect(() => {
    if (isReady) changeTabs({ headers: (text) => headersWith(session?.token, text) });
  }, [session, isReady]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: as above
  useEffect(() => {
    if (isReady && created) changeTabs({ variables: (text) => variablesWith(created, text) });
  }, [created, isReady]);

  return null;
}
