import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ServerPortFlags, serverPorts } from '../../cli/server-ports.ts';
import { checkLeaks } from '../helpers/leak-check.ts';

checkLeaks();

describe('serverPorts', () => {
  for (const [flags, ports] of [
    [{}, [{ port: 1234 }]],
    [{ port: '0' }, [{ port: 0 }]],
    [{ dialect: 'native' }, [{ dialect: 'native', port: 1234 }]],
    [{ listen: ['native:5000'] }, [{ dialect: 'native', port: 5000 }]],
    [
      { port: '1', listen: ['native:2', 'native:3'] },
      [{ port: 1 }, { dialect: 'native', port: 2 }, { dialect: 'native', port: 3 }],
    ],
  ] as const satisfies readonly [ServerPortFlags, unknown][])
    it(`makes ${JSON.stringify(ports)} of ${JSON.stringify(flags)}`, () => assert.deepEqual(serverPorts(flags), ports));

  for (const flags of [
    { port: '65536' },
    { listen: ['5000'] },
    { listen: ['native'] },
    { listen: ['native:'] },
    { listen: ['native:1:2'] },
    { listen: ['gopher:70'] },
    { listen: [''] },
    { dialect: 'native', listen: ['native:1'] },
  ] as const satisfies readonly ServerPortFlags[])
    it(`refuses ${JSON.stringify(flags)}`, () =>
      assert.throws(() => serverPorts(flags), { name: 'OptionError', code: 'OPTION_INVALID' }));
});
