/** Version of this package, as in package.json. */
export const VERSION = '0.1.0';

/** What this program calls itself to its peers. */
export const AGENT = `sluice/${VERSION}`;
