import { EMPTY, type Observable, ignoreElements, throwIfEmpty, timeout } from 'rxjs';
import { contentLost } from './content.ts';
import { anything } from './forms.ts';
import type { Line } from './line.ts';

// Who dies ends all connections one right after the other.
const OUTLIVES_MS = 100;

/**
 * Completes where the peer still stands behind the end of its data connection. Errors with `CLOSED_EARLY` where it has
 * died, for then that end was not the content's.
 */
export const stillThere = (control: Line): Observable<never> =>
  control.take(anything).pipe(
    throwIfEmpty(() => contentLost()),
    timeout({ first: OUTLIVES_MS, with: () => EMPTY }),
    ignoreElements(),
  );
