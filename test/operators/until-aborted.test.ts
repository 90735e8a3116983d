import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, it } from 'node:test';
import { EMPTY, NEVER, Subject, throwError } from 'rxjs';
import type { SluiceError } from '../../lib/errors/errors.ts';
import { untilAborted, whenAborted } from '../../lib/operators/until-aborted.ts';
import { unexpected, valuesOf } from '../helpers/collect.ts';
import { checkLeaks } from '../helpers/leak-check.ts';
import { BYTES, byCode, marbles, passesBytesOn } from '../helpers/marbles.ts';

checkLeaks();

const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

describe('untilAborted', () => {
  describe('without a signal', () => passesBytesOn(() => untilAborted(undefined)));

  describe('with a signal that is never aborted', () =>
    passesBytesOn(() => untilAborted(new AbortController().signal)));

  it('errors at the abort and cancels the source', () =>
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const controller = new AbortController();
      const source$ = cold('-a-b-a|', BYTES);
      cold('----x').subscribe({ next: () => controller.abort(), error: unexpected });
      expectObservable(source$.pipe(untilAborted(controller.signal), byCode())).toBe('-a-b#', BYTES, 'CANCELLED');
      expectSubscriptions(source$.subscriptions).toBe('^---!');
    }));

  it('does not subscribe to the source when the signal is aborted already', () =>
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const source$ = cold('a|', BYTES);
      expectObservable(source$.pipe(untilAborted(AbortSignal.abort()), byCode())).toBe('#', BYTES, 'CANCELLED');
      expectSubscriptions(source$.subscriptions).toBe([]);
    }));

  it('keeps the reason of the abort as cause', async () => {
    const reason = new Error('the user went home');
    const error = await valuesOf(NEVER.pipe(untilAborted(AbortSignal.abort(reason)))).catch(
      (caught: unknown) => caught,
    );
    assert.equal((error as SluiceError).code, 'CANCELLED');
    assert.equal((error as SluiceError).cause, reason);
  });

  it('leaves no listener on the signal, however it ends', () => {
    const controller = new AbortController();
    const { signal } = controller;
    const source = new Subject<Buffer>();
    const running = source.pipe(untilAborted(signal)).subscribe({ error: unexpected });
    assert.equal(listeners(signal), 1);
    running.unsubscribe();
    assert.equal(source.observed, false);
    EMPTY.pipe(untilAborted(signal)).subscribe({ error: unexpected });
    throwError(() => new Error('no'))
      .pipe(untilAborted(signal))
      .subscribe({ error: () => undefined });
    assert.equal(listeners(signal), 0);
    NEVER.pipe(untilAborted(signal)).subscribe({ error: () => undefined });
    controller.abort();
    assert.equal(listeners(signal), 0);
  });
});

describe('whenAborted', () => {
  it('is silent without a signal', () =>
    marbles(({ expectObservable }) => expectObservable(whenAborted(undefined)).toBe('-')));

  it('emits at once and completes when the signal is aborted already', () =>
    marbles(({ expectObservable }) =>
      expectObservable(whenAborted(AbortSignal.abort())).toBe('(x|)', { x: undefined }),
    ));

  it('emits once at the abort', async () => {
    const controller = new AbortController();
    const emitted = valuesOf(whenAborted(controller.signal));
    controller.abort();
    assert.equal((await emitted).length, 1);
    assert.equal(listeners(controller.signal), 0);
  });
});
