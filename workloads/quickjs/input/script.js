// What scripts do: objects and closures, strings and maps, parsing, JSON, sorting, and numbers as
// floats, integers and big integers. `print` is the host's.
"use strict";

print("quickjs");

let seed = 11;
function random(below) {
    // Park and Miller's generator: every product is exact in a double.
    seed = (seed * 48271) % 2147483647;
    return seed % below;
}

let digest = 2166136261;
function note(text) {
    for (let at = 0; at < text.length; at++) {
        digest = Math.imul(digest ^ text.charCodeAt(at), 16777619);
    }
}

// Expressions: written, cut into tokens, parsed by descent, evaluated and written again.
class Parser {
    constructor(text) {
        this.tokens = text.match(/\d+|[-+*()]/g);
        this.at = 0;
    }
    take(wanted) {
        if (this.tokens[this.at] !== wanted) return false;
        this.at++;
        return true;
    }
    sum() {
        let left = this.product();
        for (;;) {
            if (this.take("+")) left = { op: "+", left, right: this.product() };
            else if (this.take("-")) left = { op: "-", left, right: this.product() };
            else return left;
        }
    }
    product() {
        let left = this.atom();
        while (this.take("*")) left = { op: "*", left, right: this.atom() };
        return left;
    }
    atom() {
        if (this.take("(")) {
            const inner = this.sum();
            if (!this.take(")")) throw new SyntaxError("a bracket is not closed");
            return inner;
        }
        return { op: "number", value: Number(this.tokens[this.at++]) };
    }
}

const operators = {
    "+": (a, b) => (a + b) % 1000003,
    "-": (a, b) => (a - b) % 1000003,
    "*": (a, b) => (a * b) % 1000003,
};
const evaluate = (node) =>
    node.op === "number" ? node.value : operators[node.op](evaluate(node.left), evaluate(node.right));
const written = (depth) =>
    depth === 0 ? String(random(100)) : `(${written(depth - 1)}${"+-*"[random(3)]}${written(depth - 1)})`;

for (let n = 0; n < 12; n++) {
    const text = written(6);
    note(`${text.length}:${evaluate(new Parser(text).sum())};`);
}

// Queens on a board, by recursion and bits.
function queens(size, row, columns, up, down) {
    if (row === size) return 1;
    let found = 0;
    for (let free = ~(columns | up | down) & ((1 << size) - 1); free; free &= free - 1) {
        const bit = free & -free;
        found += queens(size, row + 1, columns | bit, (up | bit) << 1, (down | bit) >> 1);
    }
    return found;
}
note(`queens ${queens(8, 0, 0, 0, 0)};`);

// An order book: objects in maps and arrays, through JSON and back.
const customers = Array.from({ length: 40 }, (_, id) => ({ id, name: `customer ${id}`, orders: [] }));
for (let n = 0; n < 1500; n++) {
    const customer = customers[random(customers.length)];
    customer.orders.push({ article: `a${random(50)}`, count: 1 + random(5), cents: 99 + random(10000) });
}
const book = JSON.parse(JSON.stringify(customers));
const turnover = new Map();
for (const { orders } of book) {
    for (const { article, count, cents } of orders) {
        turnover.set(article, (turnover.get(article) ?? 0) + count * cents);
    }
}
const best = [...turnover].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).slice(0, 5);
note(JSON.stringify(best));

// A sieve over a typed array, and a simulation in floats.
const composite = new Uint8Array(20000);
let primes = 0;
for (let n = 2; n < composite.length; n++) {
    if (composite[n]) continue;
    primes++;
    for (let multiple = n * n; multiple < composite.length; multiple += n) composite[multiple] = 1;
}
note(`primes ${primes};`);
let [x, v] = [1, 0];
for (let step = 0; step < 20000; step++) {
    v -= x * 0.001;
    x += v * 0.001;
}
note(`${x} ${v};`);

// Words by closures and a generator; big integers.
function* words(count) {
    for (let n = 0; n < count; n++) yield String.fromCharCode(97 + random(26), 97 + random(26), 97 + random(4));
}
const seen = {};
for (const word of words(4000)) seen[word] = (seen[word] || 0) + 1;
note(Object.entries(seen).filter(([, count]) => count > 3).map(([word]) => word).sort().join(" "));
let factorial = 1n;
for (let n = 2n; n <= 160n; n++) factorial *= n;
note(factorial.toString());

print(`${best.map(([article]) => article).join(" ")}; ${primes} primes`);
print((digest >>> 0).toString(16).padStart(8, "0"));
