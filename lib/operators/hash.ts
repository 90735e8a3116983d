import { type MonoTypeOperatorFunction, tap } from 'rxjs';
import type { Digest } from './digest.ts';

/**
 * Feeds every chunk that passes to a digest, which the caller made and takes the result of.
 *
 * Passes chunks on unchanged and in the same turn; holds nothing. The digest belongs to one run: make it inside a
 * `defer` where the pipeline may be subscribed again.
 */
export const hash = (digest: Digest): MonoTypeOperatorFunction<Buffer> => tap((chunk) => digest.update(chunk));
