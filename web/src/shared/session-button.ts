// The button that signs in as demo with one click, where demo accounts exist, or signs out; with the name of the signed-in user.
import { DEMO_CUSTOMER, hasDemo } from './offers.ts';
import { currentSession, onSessionChange, signIn, signOut } from './session.ts';

/** Shows the button in the element. @throws {Error} when the page has no such element */
export function showSessionButton(selector: string): void {
  const place = document.querySelector(selector);
  if (place === null) throw new Error(`the page has no ${selector}`);
  const who = document.createElement('output');
  const button = document.createElement('button');
  button.type = 'button';
  const show = (): void => {
    const session = currentSession();
    who.textContent = session === undefined ? '' : `signed in as ${session.username}`;
    button.textContent = session === undefined ? 'Sign in as demo' : 'Sign out';
    button.hidden = session === undefined && !hasDemo;
    button.classList.toggle('primary', session === undefined);
  };
  button.addEventListener('click', async () => {
    if (currentSession() !== undefined) return signOut();
    await signIn(DEMO_CUSTOMER).catch((error: Error) => {
      who.textContent = error.message;
    });
  });
  onSessionChange(show);
  show();
  place.append(who, button);
}
