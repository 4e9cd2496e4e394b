/** @implements {Transport} */
export class FetchTransport implements Transport {
    /**
     * One copy into a Blob, which serves all attempts; fetch would copy an array of bytes for each.
     * @param {Uint8Array[]} pieces
     */
    body(pieces: Uint8Array[]): Blob;
    /**
     * @param {Endpoint} endpoint
     * @param {Message} message
     * @param {AbortSignal} signal
     * @returns {Promise<Answer>}
     */
    send({ url }: Endpoint, { method, path, headers, body }: Message, signal: AbortSignal): Promise<Answer>;
    close(): void;
}
import type { Transport } from './types.js';
import type { Endpoint } from './types.js';
import type { Message } from './types.js';
import type { Answer } from './types.js';
