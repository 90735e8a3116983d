import { checkLeaks } from '../helpers/leak-check.ts';
import { FAULTS } from './all.ts';
import { LONG } from './size.ts';

checkLeaks();

for (const fault of FAULTS) fault(LONG);
