import assert from 'node:assert/strict';
import { type ErrorCode, SluiceError } from '../../lib/index.ts';

/** Fails unless the work fails with an error of that code; gives the error. */
export const failsWith = async (code: ErrorCode, work: Promise<unknown>): Promise<SluiceError> => {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof SluiceError, `not a typed error: ${String(error)}`);
    assert.equal(error.code, code, error.message);
    return error;
  }
  assert.fail(`nothing failed, where ${code} was expected`);
};
