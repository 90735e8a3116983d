import { constants } from 'node:fs';

/** For a file, and not what a link of that name leads to. O_NONBLOCK: a named pipe would otherwise wait for its other end. */
export const OPEN_TO_READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export const OPEN_FOLDER = constants.O_RDONLY | constants.O_DIRECTORY;
