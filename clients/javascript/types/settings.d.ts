/**
 * What was set, what the environment says, or the default.
 * @param {Settings} settings
 * @param {Platform} platform
 */
export function complete(settings: Settings, platform: Platform): {
    endpoints: Endpoint[];
    token: string;
    timeout: number;
    connectTimeout: number;
    retries: number;
    ca?: string | URL | Uint8Array;
    cert?: string | URL | Uint8Array;
    key?: string | URL | Uint8Array;
};
import type { Settings } from './types.js';
import type { Platform } from './types.js';
import type { Endpoint } from './types.js';
