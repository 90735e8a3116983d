import { createHash, randomBytes } from 'node:crypto';

const TOKEN_BYTES = 32;

/** Characters of every token: a frame limit for the connection that has only this to say. */
export const TOKEN_LENGTH = TOKEN_BYTES * 2;

/** A fresh one-time secret of 256 random bits, as 64 lower-case hexadecimal digits. */
export const newToken = (): string => randomBytes(TOKEN_BYTES).toString('hex');

/**
 * What a token is looked up by: the same for the same tokens only, and a digest, so that the time of a look-up tells nothing
 * about a token that is nearly right.
 */
export const tokenKey = (token: string): string => createHash('sha256').update(token).digest('base64');
