// Counts the words of a text, as AssemblyScript's standard library has it done. A file is opened
// and read by WASI's own calls, for which neither that library nor the shim has a function.

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_prestat_get")
declare function fd_prestat_get(fd: u32, prestat: usize): u32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "path_open")
declare function path_open(
  folder: u32, lookup: u32, path: usize, length: usize, how: u32, rights: u64, inherited: u64, flags: u32, opened: usize
): u32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_read")
declare function fd_read(fd: u32, vectors: usize, count: usize, read: usize): u32;

const FIRST_FOLDER: u32 = 3; // after the three standard streams
const RIGHT_TO_READ: u64 = 1 << 1;
const FOLLOW_LINKS: u32 = 1;
const CHUNK: u32 = 1 << 16;

/** A descriptor of the file, from whichever granted folder has it; -1 if none has. */
function open(path: string): i32 {
  const name = String.UTF8.encode(path);
  const result = memory.data(8);
  for (let folder = FIRST_FOLDER; fd_prestat_get(folder, result) == 0; folder++) {
    const from = changetype<usize>(name);
    if (path_open(folder, FOLLOW_LINKS, from, name.byteLength, 0, RIGHT_TO_READ, 0, 0, result) == 0) {
      return load<i32>(result);
    }
  }
  return -1;
}

function readAll(fd: i32): string {
  let bytes = new ArrayBuffer(0);
  const vector = memory.data(8), read = memory.data(4);
  do {
    const grown = new ArrayBuffer(bytes.byteLength + CHUNK);
    memory.copy(changetype<usize>(grown), changetype<usize>(bytes), bytes.byteLength);
    store<usize>(vector, changetype<usize>(grown) + bytes.byteLength);
    store<u32>(vector, CHUNK, 4);
    if (fd_read(fd, vector, 1, read) != 0) throw new Error("cannot read the text");
    bytes = grown.slice(0, bytes.byteLength + load<u32>(read));
  } while (load<u32>(read) > 0);
  return String.UTF8.decode(bytes);
}

function digested(digest: u32, text: string): u32 {
  for (let at = 0; at < text.length; at++) {
    digest = (digest ^ text.charCodeAt(at)) * 16777619;
  }
  return digest;
}

console.log("words");
const fd = process.argv.length > 1 ? open(process.argv[1]) : -1;
if (fd < 0) throw new Error("cannot open the text");
const text = readAll(fd).toLowerCase();

const counts = new Map<string, u32>();
let total = 0;
for (let at = 0; at < text.length;) {
  const start = at;
  while (at < text.length && text.charCodeAt(at) >= 97 && text.charCodeAt(at) <= 122) at++;
  if (at == start) {
    at++;
    continue;
  }
  const word = text.substring(start, at);
  counts.set(word, counts.has(word) ? counts.get(word) + 1 : 1);
  total++;
}

class Counted {
  constructor(public letters: string, public count: u32) {}
}

const words = counts.keys().sort();
const counted: Counted[] = [];
let digest: u32 = 2166136261;
let longest = "";
for (let n = 0; n < words.length; n++) {
  const word = words[n], count = counts.get(word);
  counted.push(new Counted(word, count));
  if (word.length > longest.length) longest = word;
  digest = digested(digest, word + " " + count.toString() + "\n");
}
console.log(total.toString() + " words, " + words.length.toString() + " distinct, the longest is " + longest);
counted.sort((a, b) => (a.count != b.count ? (a.count > b.count ? -1 : 1) : a.letters < b.letters ? -1 : 1));
for (let n = 0; n < 10 && n < counted.length; n++) {
  console.log(counted[n].letters + " " + counted[n].count.toString());
}
console.log(digest.toString(16).padStart(8, "0"));
