import { FAULTS } from '../faults/all.ts';
import { SHORT } from '../faults/size.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

// All faults in a small measure; `npm run test:faults` has the full one.
for (const fault of FAULTS) fault(SHORT);
