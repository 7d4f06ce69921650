// The reference: Scalar, from `/openapi.json` of this server, with the token of the signed-in user.
import '../shared/theme.css';
import './reference.css';
import scalarUrl from 'virtual:scalar';
import { currentSession, onSessionChange } from '../shared/session.ts';
import { showSessionButton } from '../shared/session-button.ts';

interface Reference {
  updateConfiguration(configuration: object): void;
}

declare global {
  interface Window {
    /** Defined by Scalar's script (https://scalar.com/products/api-references/configuration). */
    readonly Scalar?: { createApiReference(selector: string, configuration: object): Reference };
  }
}

const configuration = () => ({
  url: '/openapi.json',
  authentication: {
    preferredSecurityScheme: 'bearer',
    securitySchemes: { bearer: { token: currentSession()?.token ?? '' } },
  },
  // These features would call other hosts.
  telemetry: false,
  withDefaultFonts: false,
  agent: { disabled: true },
  mcp: { disabled: true },
  externalUrls: { dashboardUrl: '', registryUrl: '', proxyUrl: '', apiBaseUrl: '' },
  hideClientButton: true,
  showDeveloperTools: 'never',
  hideDarkModeToggle: true,
  theme: 'none',
  defaultHttpClient: { targetKey: 'shell', clientKey: 'curl' },
  documentDownloadType: 'json',
});

function showReference(): void {
  const reference = window.Scalar?.createApiReference('#root', configuration());
  onSessionChange(() => reference?.updateConfiguration(configuration()));
}

const script = document.createElement('script');
script.src = scalarUrl;
script.addEventListener('load', showReference);
document.head.append(script);
showSessionButton('#session');
