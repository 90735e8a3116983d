import { createHash, randomUUID } from 'node:crypto';
import { PART_PREFIX } from '../protocol/path.ts';

/** What the part of a target is called while it may be gone on with: found again by the target's name alone. */
export const keptName = (target: string): string =>
  `${PART_PREFIX}${createHash('sha256').update(target).digest('hex').slice(0, 32)}`;

/** Whether a name is one that the part of some target has while it may be gone on with. */
export const isKeptName = (name: string): boolean =>
  name.startsWith(PART_PREFIX) && /^[0-9a-f]{32}$/.test(name.slice(PART_PREFIX.length));

/** What a part is called that nobody will look for. */
export const passingName = (): string => `${PART_PREFIX}${randomUUID().replaceAll('-', '').slice(0, 16)}`;
