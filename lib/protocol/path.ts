import { FileError } from '../errors/errors.ts';

/** A place below a store's root as a list of checked names; the root itself is the empty list. */
export type RemotePath = readonly string[];

export const MAX_SEGMENTS = 64;
export const MAX_SEGMENT_BYTES = 255;

/** Names of unfinished transfers begin so; no peer can name, list or reach them. */
export const PART_PREFIX = '.sluice-part-';

// Of the longest characters there are, which have three bytes in each unit.
const MAX_SHOWN = MAX_SEGMENT_BYTES / 3;

// eslint-disable-next-line no-control-regex -- control characters are exactly what is refused here
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f/\\\u2028\u2029]/u;

/**
 * Gives back a path whose every segment may be used as a file name, or throws `PATH_INVALID` that says why not. A bad
 * name is refused, never cleaned: two layers that clean differently are how paths climb out of a root
 * (CVE-2024-37897, CVE-2026-27699).
 */
export const checkPath = (segments: readonly string[]): RemotePath => {
  if (segments.length > MAX_SEGMENTS)
    throw new FileError('PATH_INVALID', `path has ${segments.length} segments (limit ${MAX_SEGMENTS})`);
  for (const segment of segments) checkSegment(segment);
  return segments;
};

/** Throws `PATH_INVALID` unless the text can be the name of one file or folder. */
export const checkSegment = (segment: string): void => {
  const reason = objection(segment);
  if (reason !== undefined) throw new FileError('PATH_INVALID', `${JSON.stringify(segment)}: ${reason}`);
};

/** A path as people write it: `/pub/big.iso`, and `/` for the root. */
export const formatPath = (path: RemotePath): string => `/${path.join('/')}`;

/** What names have in common that some systems take for one: they differ only by case, or by their form in Unicode. */
export const foldName = (name: string): string => name.normalize('NFC').toLowerCase();

/** Why a name is refused whose likeness came before. */
export const lookalike = (path: RemotePath): FileError =>
  new FileError('PATH_INVALID', `${formatPath(path)}: differs only by case from another name, which came before`);

/**
 * The path that a person's text means, seen from the folder `from`: `/` starts at the root, `.` stays, `..` goes up and
 * stops at the root, as shells do. Only for text typed on this side; what a peer sends is checked, never resolved.
 */
export const resolvePath = (text: string, from: RemotePath = []): RemotePath => {
  const path = text.startsWith('/') ? [] : [...from];
  for (const part of text.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') path.pop();
    else path.push(part);
  }
  return checkPath(path);
};

/** Why a name that stands in a folder can be in no path. */
export const unspeakable = (name: string): FileError =>
  new FileError('PATH_INVALID', `${JSON.stringify(name)}: ${objection(name) ?? 'the name is not valid Unicode'}`);

/** Such a name as one that can, to show where it stands. */
export const speakable = (name: string): string =>
  name.replace(new RegExp(FORBIDDEN, 'gu'), '\uFFFD').slice(0, MAX_SHOWN);

const objection = (segment: string): string | undefined => {
  if (segment === '') return 'an empty name is not allowed';
  if (segment === '.' || segment === '..') return 'this name has a meaning of its own';
  if (FORBIDDEN.test(segment)) return 'slashes, backslashes and control characters are not allowed in a name';
  if (Buffer.byteLength(segment) > MAX_SEGMENT_BYTES) return `a name may have ${MAX_SEGMENT_BYTES} bytes at most`;
  if (!segment.isWellFormed()) return 'the name is not valid Unicode';
  if (segment.startsWith(PART_PREFIX)) return 'this name is reserved for unfinished transfers';
  return undefined;
};
