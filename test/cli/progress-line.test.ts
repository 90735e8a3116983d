import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Subject, of } from 'rxjs';
import { drawProgress, progressLine } from '../../cli/progress-line.ts';
import type { TransferProgress } from '../../lib/index.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

const progress = (bytes: number, total?: number, rate = 120e6, eta?: number): TransferProgress => ({
  state: 'moving',
  bytes,
  total,
  rate,
  eta,
});

class FakeTerminal extends Writable {
  isTTY = true;
  columns = 60;
  text = '';

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

const WIPE = '\r\u001b[K';

const rethrow = (error: unknown) => {
  throw error;
};

const terminal = (isTTY = true) => {
  const fake = new FakeTerminal();
  fake.isTTY = isTTY;
  return { fake, stream: fake as unknown as NodeJS.WriteStream };
};

describe('progressLine', () => {
  it('says name, share, amount, rate and time left', () =>
    assert.equal(
      progressLine('big.iso', progress(450e6, 1e9, 120e6, 4.6), 80),
      'big.iso   45%  450 MB of 1 GB  120 MB/s  0:05 left',
    ));

  it('leaves out what nobody knows', () => {
    assert.equal(progressLine('stdin', progress(450e6), 80), 'stdin  450 MB  120 MB/s');
    assert.equal(progressLine('big', progress(0, 1e9, 0), 80), 'big    0%  0 B of 1 GB  0 B/s');
  });

  it('shows no share of an empty file', () =>
    assert.equal(progressLine('empty', progress(0, 0, 0, 0), 80), 'empty  0 B of 0 B  0 B/s  0:00 left'));

  it('says 100% at the end only', () => {
    assert.match(progressLine('a', progress(999_999_999, 1e9), 80), / 99% /);
    assert.match(progressLine('a', progress(1e9, 1e9), 80), / 100% /);
  });

  it('cuts a long name at its beginning', () => {
    const line = progressLine(`/very/long/${'x'.repeat(90)}/the-end.iso`, progress(450e6, 1e9, 120e6, 4.6), 80);
    assert.match(line, /^…x*\/the-end\.iso {3}45%/);
  });

  it('escapes the name', () => {
    assert.match(progressLine('a\u001b[2Jb', progress(1), 80), /^a\\u\{1b\}\[2Jb /);
  });

  it('fits the columns of any terminal that is not tiny', () =>
    fc.assert(
      fc.property(
        fc.string({ minLength: 1, maxLength: 200 }),
        fc.record({ bytes: fc.nat(2 ** 40), total: fc.option(fc.nat(2 ** 40), { nil: undefined }) }),
        fc.integer({ min: 72, max: 200 }),
        (name, { bytes, total }, columns) => {
          const line = progressLine(name, progress(bytes, total, 123_456_789, 3_599_999), columns);
          assert.ok(line.length < columns, `${line.length} of ${columns}: ${line}`);
        },
      ),
    ));
});

describe('drawProgress', () => {
  it('draws on a terminal, and wipes the line at the end', () => {
    const { fake, stream } = terminal();
    of(progress(1, 2), progress(2, 2)).pipe(drawProgress('a', stream)).subscribe({ error: rethrow });
    assert.ok(fake.text.startsWith(`${WIPE}a   50%`), fake.text);
    assert.ok(fake.text.endsWith(WIPE), fake.text);
  });

  it('wipes the line when the transfer fails, and passes the failure on', () => {
    const { fake, stream } = terminal();
    const progress$ = new Subject<TransferProgress>();
    const failure = new Error('lost');
    let seen: unknown;
    progress$.pipe(drawProgress('a', stream)).subscribe({ error: (error: unknown) => (seen = error) });
    progress$.next(progress(1, 2));
    progress$.error(failure);
    assert.equal(seen, failure);
    assert.ok(fake.text.endsWith(WIPE));
  });

  it('wipes the line when the transfer is cancelled', () => {
    const { fake, stream } = terminal();
    const progress$ = new Subject<TransferProgress>();
    const running = progress$.pipe(drawProgress('a', stream)).subscribe({ error: rethrow });
    progress$.next(progress(1, 2));
    running.unsubscribe();
    assert.ok(fake.text.endsWith(WIPE));
    assert.equal(progress$.observed, false);
  });

  it('does not redraw at each step of a fast transfer', () => {
    const { fake, stream } = terminal();
    const progress$ = of(...Array.from({ length: 1000 }, (_, index) => progress(index, 1000)));
    progress$.pipe(drawProgress('a', stream)).subscribe({ error: rethrow });
    assert.ok(fake.text.split('\r').length < 100);
  });

  it('draws nothing where there is no terminal, and passes everything on', () => {
    const { fake, stream } = terminal(false);
    const seen: TransferProgress[] = [];
    of(progress(1, 2), progress(2, 2))
      .pipe(drawProgress('a', stream))
      .subscribe({ next: (value) => seen.push(value), error: rethrow });
    assert.equal(fake.text, '');
    assert.equal(seen.length, 2);
  });
});
