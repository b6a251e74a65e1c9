// Gives each request an instance of guest.wasm, which speaks HTTP on its standard streams and WASI preview 1.
import guest from 'guest.wasm';

const STDIN = 0, STDOUT = 1, SUCCESS = 0, BADF = 8, NOSYS = 52;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

class Exit {
  constructor(code) {
    this.code = code;
  }
}

// Runs one instance with `input` on its standard input; returns its standard output.
function run(input) {
  let instance;
  let read = 0;
  const written = [];
  const view = () => new DataView(instance.exports.memory.buffer);
  const parts = (at, count) => {
    const words = view();
    const vectors = Array.from({ length: count }, (_, n) => at + 8 * n);
    return vectors.map((vector) => {
      const [from, length] = [words.getUint32(vector, true), words.getUint32(vector + 4, true)];
      return new Uint8Array(instance.exports.memory.buffer, from, length);
    });
  };
  const none = (count, bytes) => {
    view().setUint32(count, 0, true);
    view().setUint32(bytes, 0, true);
    return SUCCESS;
  };
  const known = {
    args_sizes_get: none,
    args_get: () => SUCCESS,
    environ_sizes_get: none,
    environ_get: () => SUCCESS,
    fd_prestat_get: () => BADF,
    fd_read(descriptor, at, count, total) {
      if (descriptor !== STDIN) return BADF;
      const before = read;
      for (const part of parts(at, count)) {
        const bytes = input.subarray(read, read + part.length);
        part.set(bytes);
        read += bytes.length;
      }
      view().setUint32(total, read - before, true);
      return SUCCESS;
    },
    fd_write(descriptor, at, count, total) {
      let length = 0;
      for (const part of parts(at, count)) {
        if (descriptor === STDOUT) written.push(part.slice());
        length += part.length;
      }
      view().setUint32(total, length, true);
      return SUCCESS;
    },
    proc_exit(code) {
      throw new Exit(code);
    },
  };
  const imports = {};
  for (const { module, name } of WebAssembly.Module.imports(guest)) {
    imports[module] ??= {};
    imports[module][name] = known[name] ?? (() => NOSYS);
  }
  instance = new WebAssembly.Instance(guest, imports);
  try {
    instance.exports._start();
  } catch (ended) {
    if (!(ended instanceof Exit) || ended.code !== 0) throw ended;
  }
  return joined(written);
}

function joined(parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

// A request as the bytes that a client sends.
async function sent(request) {
  const url = new URL(request.url);
  const body = new Uint8Array(await request.arrayBuffer());
  let head = `${request.method} ${url.pathname}${url.search} HTTP/1.1\r\n`;
  for (const [name, value] of request.headers) head += `${name}: ${value}\r\n`;
  return joined([encoder.encode(`${head}\r\n`), body]);
}

// A response of the bytes that a server sends.
function received(bytes) {
  let end = 0;
  while (!(bytes[end] === 13 && bytes[end + 1] === 10 && bytes[end + 2] === 13 && bytes[end + 3] === 10)) {
    if (++end >= bytes.length) throw new Error('the guest ended without a response');
  }
  const [first, ...fields] = decoder.decode(bytes.subarray(0, end)).split('\r\n');
  const headers = new Headers();
  for (const field of fields) {
    const colon = field.indexOf(':');
    headers.append(field.slice(0, colon), field.slice(colon + 1).trim());
  }
  headers.delete('connection'); // it is between the guest and this script
  return new Response(bytes.subarray(end + 4), { status: Number(first.split(' ')[1]), headers });
}

export default {
  async fetch(request) {
    return received(run(await sent(request)));
  },
};
