// One WASI command: run.mjs [--dir HOST::GUEST].. [--env NAME=VALUE].. [--timeout SECONDS] FILE NAME [ARG..]
import { readFileSync } from 'node:fs';
import { WASI } from 'node:wasi';

const args = process.argv.slice(2);
const preopens = {};
const env = {};
let timeout;
while (args[0].startsWith('--')) {
  const [option, value] = args.splice(0, 2);
  if (option === '--timeout') {
    timeout = Math.max(1, Math.round(Number(value) * 1000));
    continue;
  }
  const granting = option === '--dir';
  const [first, ...rest] = value.split(granting ? '::' : '=');
  if (granting) preopens[rest.join('::')] = first;
  else env[first] = rest.join('=');
}
const file = args.shift();
const wasi = new WASI({ version: 'preview1', args, env, preopens, returnOnExit: true });
const module = new WebAssembly.Module(readFileSync(file));
const instance = new WebAssembly.Instance(module, wasi.getImportObject());
if (timeout === undefined) process.exit(wasi.start(instance));
// V8 ends what a watchdog tells it to, WebAssembly too.
const { runInNewContext } = await import('node:vm');
process.exit(runInNewContext('start()', { start: () => wasi.start(instance) }, { timeout }));
