import { createHash, randomBytes } from 'node:crypto';
import { PART_PREFIX } from '../protocol/path.ts';

/** What the part of a target is called while it may be gone on with: found again by the target's name alone. */
export const keptName = (target: string): string =>
  `${PART_PREFIX}${createHash('sha256').update(target).digest('hex').slice(0, 32)}`;

/** What a part is called that nobody will look for. */
export const passingName = (): string => `${PART_PREFIX}${randomBytes(8).toString('hex')}`;
