/** The time that a call may take, and its caller's wish to end it, as one signal. */
export class Deadline {
    /**
     * @param {number} timeout milliseconds
     * @param {AbortSignal} [caller]
     */
    constructor(timeout: number, caller?: AbortSignal);
    get signal(): AbortSignal;
    /** Milliseconds that are left. */
    get remaining(): number;
    /** @param {number} milliseconds less than what remains */
    sleep(milliseconds: number): Promise<void>;
    /**
     * Throws if there is no time left or the caller wants none of it.
     * @param {string} requestId
     */
    check(requestId: string): void;
    /** Lets go of the timer and of the caller's signal. */
    release(): void;
    #private;
}
