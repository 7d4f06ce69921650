// What a session and a created product mean for the tabs. Stands inside GraphiQL, whose tabs it changes.
import { useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { useEffect, useLayoutEffect, useSyncExternalStore } from 'react';
import { currentSession, onSessionChange } from '../shared/session.ts';
import { createdProduct, onCreated } from './story.ts';
import { headersWith, variablesWith } from './tab-texts.ts';

/** What is done to each tab: new headers and variables; undefined leaves them. */
interface Change {
  readonly headers?: (text: string | null | undefined) => string;
  readonly variables?: (text: string | null | undefined) => string | undefined;
}

/** Changes all tabs, the one that is open too. */
function useChangeTabs(): (change: Change) => void {
  const { moveTab } = useGraphiQLActions();
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
    // The open tab is what its editors hold.
    if (headers) headerEditor?.setValue(headers(headerEditor.getValue()));
    const changed = variables?.(variableEditor?.getValue());
    if (changed !== undefined) variableEditor?.setValue(changed);
  };
}

/**
 * Makes the row of tabs a list of buttons to screen readers. GraphiQL calls it a tab list, in which no tab may have a button to
 * close it, as its tabs have.
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

/** Shows nothing: what it knows of goes into GraphiQL's tabs. */
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
