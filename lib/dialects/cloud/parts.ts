/** Between two parts of a message for a peer that takes what one read gives it for one part, in milliseconds. */
export const PART_MS = 80;
