import { type RemotePath, checkPath } from '../../protocol/path.ts';

/**
 * The path that a peer's text names: segments with `/` between them. Nothing is cleaned: what begins with a slash, or
 * has `..` in it, is refused with `PATH_INVALID`.
 */
export const parsePath = (text: string): RemotePath => checkPath(text.split('/'));

/** A path as a peer reads it. */
export const pathText = (path: RemotePath): string => path.join('/');
