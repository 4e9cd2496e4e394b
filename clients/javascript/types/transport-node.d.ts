/** @implements {Transport} */
export class NodeTransport implements Transport {
    /** @param {TransportSettings} settings */
    constructor({ ca, cert, key, connectTimeout }: TransportSettings);
    /**
     * @param {Uint8Array[]} pieces
     * @returns {unknown}
     */
    body(pieces: Uint8Array[]): unknown;
    /**
     * @param {Endpoint} endpoint
     * @param {Message} message
     * @param {AbortSignal} signal
     * @returns {Promise<Answer>}
     */
    send(endpoint: Endpoint, message: Message, signal: AbortSignal): Promise<Answer>;
    close(): void;
    #private;
}
import type { Transport } from './types.js';
import type { Endpoint } from './types.js';
import type { Message } from './types.js';
import type { Answer } from './types.js';
import type { TransportSettings } from './types.js';
