/** @import { Settings, TransportSettings } from './types.js' */
import { BaseClient } from './client.js';
import { FetchTransport } from './transport-fetch.js';

const platform = {
  environment: () => undefined,
  transport(/** @type {TransportSettings} */ { ca, cert, key }) {
    if (ca ?? cert ?? key) throw new TypeError('whom to trust and what to show is up to the browser: no ca, cert, key');
    return new FetchTransport();
  },
  schemes: ['http:', 'https:'],
};

/** A client of one rnnlossd, or of several that stand in for each other. */
export class Client extends BaseClient {
  /**
   * @param {Settings} [settings]
   * @throws {TypeError} if an endpoint is none
   */
  constructor(settings = {}) {
    super(settings, platform);
  }
}

export * from './public.js';
