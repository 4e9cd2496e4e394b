/** A client of one rnnlossd, or of several that stand in for each other. */
export class Client extends BaseClient {
    /**
     * @param {Settings} [settings]
     * @throws {TypeError} if an endpoint is none
     */
    constructor(settings?: Settings);
}
export * from "./public.js";
import { BaseClient } from './client.js';
import type { Settings } from './types.js';
