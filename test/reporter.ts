import type { run } from 'node:test';

export interface Summary {
  readonly passed: number;
  readonly failed: number;
}

/** Prints each failure as it comes, with what the test said, and counts the tests that ran. */
export const summary = async (events: ReturnType<typeof run>): Promise<Summary> => {
  let passed = 0;
  let failed = 0;
  events.on('test:stdout', ({ message }) => process.stdout.write(message));
  events.on('test:stderr', ({ message }) => process.stdout.write(message));
  events.on('test:pass', ({ name, skip, details }) => {
    if (skip !== undefined) console.log(`skipped: ${name}${typeof skip === 'string' ? ` (${skip})` : ''}`);
    else if (details.type !== 'suite') passed += 1;
  });
  events.on('test:fail', ({ name, file, details }) => {
    failed += 1;
    console.log(`FAILED: ${name} (${file ?? ''})`);
    console.log(details.error.cause instanceof Error ? details.error.cause : details.error);
  });
  await new Promise((resolve) => events.on('end', resolve).resume());
  return { passed, failed };
};
