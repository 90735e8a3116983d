import { describe, it } from 'node:test';
import { exactSize } from '../../lib/operators/exact-size.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { BYTES, byCode, marbles, passesBytesOn } from '../helpers/marbles.ts';

checkLeaks();

const VALUES = { ...BYTES, e: Buffer.alloc(0) };

describe('exactSize', () => {
  passesBytesOn(exactSize);

  const check = (name: string, size: number, source: string, expected: string, subscription: string, error?: string) =>
    it(name, () =>
      marbles(({ cold, expectObservable, expectSubscriptions }) => {
        const source$ = cold(source, VALUES);
        expectObservable(source$.pipe(exactSize(size), byCode())).toBe(expected, VALUES, error ?? 'error');
        expectSubscriptions(source$.subscriptions).toBe(subscription);
      }),
    );

  check('passes exactly as many bytes as announced', 7, '-a-b-|', '-a-b-|', '^----!');
  check('passes chunks without bytes', 7, '-eaebe|', '-eaebe|', '^-----!');
  check('waits for the end of the source when all bytes are there', 3, '-a---', '-a---', '^');
  check('accepts no bytes where none were announced', 0, '--|', '--|', '^-!');
  check('refuses a chunk that goes one byte beyond, unseen', 6, '-a-b-|', '-a-#', '^--!', 'SIZE_MISMATCH');
  check('refuses a first chunk that is too long', 2, '-a-b|', '-#', '^!', 'SIZE_MISMATCH');
  check('refuses the first byte where none was announced', 0, '-a|', '-#', '^!', 'SIZE_MISMATCH');
  check('refuses an end one byte short', 8, '-a-b-|', '-a-b-#', '^----!', 'SIZE_MISMATCH');
  check('refuses an end without any byte', 1, '--|', '--#', '^-!', 'SIZE_MISMATCH');
  check('passes the error of a source that is short rather than its own', 8, '-a#', '-a#', '^-!');
});
