const [a, b] = await Promise.all([import("./lib/left.mjs"), import("./lib/right.mjs")]);
console.log(a.left, b.right);
const again = await import("./lib/left.mjs"); console.log(again === a || again.left === a.left);
try { await import("./lib/throws.mjs") } catch (e) { console.log(e.name, e.message) }
try { await import("./lib/throws.mjs") } catch (e) { console.log("again", e.message) }
