/** What is missing for a proof that a content is the same on both sides; nothing where there is one. */
export interface Proof {
  /** This side knows of nobody who has compared the contents, for the dialect cannot tell. */
  readonly unverified?: true;
  /** With `unverified`: a digest went along, and the receiver has not said that it is wrong. */
  readonly digestSent?: true;
}
