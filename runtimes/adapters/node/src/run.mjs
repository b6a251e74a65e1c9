// One WASI command: run.mjs FILE DIRECTORY NAME [ARG..]. DIRECTORY, unless it is empty, is granted as `.`; the
// environment of the process is handed on.
import { readFileSync } from 'node:fs';
import { WASI } from 'node:wasi';

const [file, directory, ...args] = process.argv.slice(2);
const wasi = new WASI({
  version: 'preview1',
  args,
  env: process.env,
  preopens: directory === '' ? {} : { '.': directory },
  returnOnExit: true,
});
const module = new WebAssembly.Module(readFileSync(file));
const instance = new WebAssembly.Instance(module, wasi.getImportObject());
process.exit(wasi.start(instance));
