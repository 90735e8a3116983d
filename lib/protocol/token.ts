import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

const TOKEN_BYTES = 32;

/** Characters of every token: a frame limit for the connection that has only this to say. */
export const TOKEN_LENGTH = TOKEN_BYTES * 2;

/** A fresh one-time secret of 256 random bits, as 64 lower-case hexadecimal digits. */
export const newToken = (): string => randomBytes(TOKEN_BYTES).toString('hex');

/** Whether two tokens are the same, in a time that does not tell where they differ. */
export const sameToken = (one: string, other: string): boolean => timingSafeEqual(fingerprint(one), fingerprint(other));

// Digests have one length whatever was sent, which timingSafeEqual asks for.
const fingerprint = (token: string): Buffer => createHash('sha256').update(token).digest();
