/** @import { Settings, TransportSettings } from './types.js' */
import { BaseClient } from './client.js';
import { NodeTransport } from './transport-node.js';

const platform = {
  environment: (/** @type {string} */ name) => process.env[name],
  transport: (/** @type {TransportSettings} */ settings) => new NodeTransport(settings),
  schemes: ['http:', 'https:', 'unix:'],
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
