// The page at `/`: home.html has its text, this its functions.
import '../shared/theme.css';
import './home.css';
import { DEMO_CUSTOMER, hasDemo } from '../shared/offers.ts';
import { currentSession, signIn } from '../shared/session.ts';
import { showSessionButton } from '../shared/session-button.ts';
import { compactJson } from './compact-json.ts';
import { EXAMPLES, type Example } from './examples.ts';

const STATUS_EVERY_MS = 15_000;

/** @throws {Error} when home.html has no such element */
function find<Element extends HTMLElement>(
  selector: string,
  type: new () => Element,
  within: ParentNode = document,
) {
  const found = within.querySelector(selector);
  if (!(found instanceof type)) throw new Error(`home.html has no ${selector}`);
  return found;
}

async function showStatus(): Promise<void> {
  const services: Record<string, string> = await fetch('/status')
    .then(async (reply) => (await reply.json()).services ?? {})
    .catch(() => ({}));
  for (const item of document.querySelectorAll<HTMLElement>('#status [data-service]')) {
    const state = services[item.dataset['service'] ?? ''] ?? 'unknown';
    item.dataset['state'] = state;
    find('span', HTMLSpanElement, item).textContent =
      { up: 'answers', down: 'does not answer' }[state] ?? 'unknown';
  }
}

function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Partial<HTMLElementTagNameMap[Name]>,
  ...children: readonly Node[]
): HTMLElementTagNameMap[Name] {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** A box of code that the keyboard can scroll. */
function codeBox(label: string, textContent: string): HTMLPreElement {
  const box = element('pre', { tabIndex: 0, ariaLabel: label, textContent });
  box.setAttribute('role', 'group');
  return box;
}

function showExample({ title, what, needsSession, steps, run }: Example): HTMLElement {
  const button = element('button', { type: 'button', textContent: 'Run', ariaLabel: `Run: ${title}` });
  const said = element('output', {});
  const reply = codeBox(`${title}: replies`, '');
  const runIt = async (): Promise<void> => {
    button.disabled = true;
    said.textContent = 'running …';
    reply.textContent = '';
    const titles = steps.values();
    try {
      if (needsSession && currentSession() === undefined) await signIn(DEMO_CUSTOMER);
      const startedAt = performance.now();
      await run((got) => reply.append(`# ${titles.next().value?.title}\n${compactJson(got)}\n\n`));
      said.textContent = `done in ${Math.round(performance.now() - startedAt)} ms`;
    } catch (error) {
      said.textContent = error instanceof Error ? error.message : String(error);
    }
    button.disabled = false;
  };
  button.addEventListener('click', runIt);
  const operations = steps.map((step) => `# ${step.title}\n${step.operation}`).join('\n\n');
  return element(
    'article',
    { className: 'example' },
    element('div', { className: 'head' }, element('h3', { textContent: title }), said, button),
    element('p', { textContent: what }),
    element('div', { className: 'boxes' }, codeBox(`${title}: operations`, operations), reply),
  );
}

const examples = EXAMPLES.filter(({ needsSession }) => hasDemo || !needsSession);
find('#examples', HTMLDivElement).append(...examples.map(showExample));
showSessionButton('#session');
void showStatus();
setInterval(() => {
  if (document.visibilityState === 'visible') void showStatus();
}, STATUS_EVERY_MS);
