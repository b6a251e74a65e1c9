// One WASI command: run.mjs [--grant HOST::GUEST].. [--env NAME=VALUE].. FILE NAME [ARG..]
import { readFileSync } from 'node:fs';
import { WASI } from 'node:wasi';

const args = process.argv.slice(2);
const preopens = {};
const env = {};
while (args[0].startsWith('--')) {
  const [option, value] = args.splice(0, 2);
  const granting = option === '--grant';
  const [first, ...rest] = value.split(granting ? '::' : '=');
  if (granting) preopens[rest.join('::')] = first;
  else env[first] = rest.join('=');
}
const file = args.shift();
const wasi = new WASI({ version: 'preview1', args, env, preopens, returnOnExit: true });
const module = new WebAssembly.Module(readFileSync(file));
const instance = new WebAssembly.Instance(module, wasi.getImportObject());
process.exit(wasi.start(instance));
