// What JavaScript programs do: objects, arrays, strings, regular expressions, closures, exceptions, typed arrays, big integers,
// promises. Prints the same everywhere.
function richards(n) {
  const queue = Array.from({length: 10}, (_, i) => ({id: i, work: n, next: (i + 3) % 10}));
  let steps = 0;
  for (let at = 0; queue.some((t) => t.work > 0); at = queue[at].next) {
    if (queue[at].work > 0) --queue[at].work;
    ++steps;
  }
  return steps;
}
function sieve(n) {
  const composite = new Uint8Array(n + 1);
  let count = 0;
  for (let i = 2; i <= n; ++i) {
    if (composite[i]) continue;
    ++count;
    for (let j = i * i; j <= n; j += i) composite[j] = 1;
  }
  return count;
}
function words(n) {
  const counts = new Map();
  let text = "";
  for (let i = 0; i < n; ++i) text += `w${i % 97} ${"x".repeat(i % 7)} `;
  for (const [word] of text.matchAll(/[a-z]\d+/g)) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts.keys()].sort().slice(0, 8).join(",") + " " + counts.size;
}
function bodies(n) {
  let x = [0, 1, 2], v = [0.1, -0.2, 0.3];
  for (let s = 0; s < n; ++s) {
    for (let i = 0; i < 3; ++i) for (let j = 0; j < 3; ++j) if (i !== j) v[i] += (x[j] - x[i]) / (1 + (x[j] - x[i]) ** 2) / 100;
    x = x.map((a, i) => a + v[i] / 100);
  }
  return x.map((a) => a.toFixed(9)).join(" ");
}
var Refused = class extends Error {};
function exceptions(n) {
  let refused = 0;
  for (let i = 0; i < n; ++i) {
    try {
      if (i % 3 === 0) throw new Refused("no");
      if (i % 7 === 0) undefined.x;
    } catch (e) {
      refused += e instanceof Refused ? 1 : e instanceof TypeError ? 1000 : NaN;
    }
  }
  return refused;
}
var sort = (n) => {
  let seed = 42;
  const a = Array.from({length: n}, () => (seed = (seed * 16807) % 2147483647));
  a.sort((p, q) => p - q);
  return [a[0], a[n >> 1], a[n - 1]].join(" ");
};
print("richards", richards(300));
print("sieve", sieve(20000));
print("words", words(1000));
print("bodies", bodies(300));
print("exceptions", exceptions(2000));
print("sort", sort(2000));
print("big", (2n ** 607n - 1n) % 1000000007n, String(3n ** 200n).length);
print("json", JSON.stringify(JSON.parse('{"a":[1,2.5,{"b":null}],"c":"\\u0041"}')));
print("numbers", 0.1 + 0.2, 1e21, 5e-324, (123.456).toPrecision(4), Math.hypot(3, 4), -0 === 0, [10, 9, 1].sort().join());
Promise.all([1, Promise.resolve(2)]).then((all) => print("promises", all.join()));
(async () => { await null; print("async"); })();
