// Counts the words of a text, as JavaScript has it done. `print`, `readFile` and `args` are the host's.
function digested(digest, text) {
    for (let at = 0; at < text.length; at++) {
        digest = Math.imul(digest ^ text.charCodeAt(at), 16777619);
    }
    return digest;
}

print("words");
const text = readFile(args[0]).toLowerCase();

const counts = new Map();
let total = 0;
for (const word of text.split(/[^a-z]+/)) {
    if (word !== "") {
        counts.set(word, (counts.get(word) ?? 0) + 1);
        total++;
    }
}

let digest = 2166136261;
let longest = "";
const words = [...counts.keys()].sort();
for (const word of words) {
    if (word.length > longest.length) longest = word;
    digest = digested(digest, `${word} ${counts.get(word)}\n`);
}
print(`${total} words, ${counts.size} distinct, the longest is ${longest}`);
for (const word of words.sort((a, b) => counts.get(b) - counts.get(a) || (a < b ? -1 : 1)).slice(0, 10)) {
    print(`${word} ${counts.get(word)}`);
}
print((digest >>> 0).toString(16).padStart(8, "0"));
