import { setFlagsFromString } from 'node:v8';

// The one setting of the process that the command line makes; cli/sluice.ts says why.
setFlagsFromString('--no-incremental-marking');
