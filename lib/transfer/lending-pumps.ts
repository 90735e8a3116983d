import { BLOCK_BYTES } from '../protocol/block.ts';
import { pumpWithin } from '../streams/pump.ts';

// Chunks are lent in both: a dialect's source and sink are done with one when they say so, and nothing stands between.

/** Moves a stored content to where it is sent or digested. */
export const sendingPump = pumpWithin({ lend: true });

// Two blocks on their way to the disk and two that arrive meanwhile: with half of it a receiver took a sixth longer.
const ARRIVING_BYTES = 4 * BLOCK_BYTES;

/** Moves an arriving content to where it is kept. Holds 4 MiB and the block that is just arriving. */
export const receivingPump = pumpWithin({ lend: true, high: ARRIVING_BYTES });
