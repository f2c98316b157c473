// Parameters: what a script takes, declared above its first statement, with types, defaults and explanations.
//
//   geppetto run samples/params.geppetto.js
//   geppetto run samples/params.geppetto.js -p name=Gina -p times=3 -p mood=loud
//   geppetto run samples/params.geppetto.js -p times=many        (says what is wrong, and does not start)
//   geppetto run samples/params.geppetto.js --list-params
//
// `-p name=text` is made to fit the type, `-p name:=json` gives JSON; `--params-file` reads many from a file. The editor
// asks for what has no default. What a type cannot say, such as how often is too often, the script checks by itself.

/**
 * Greets somebody.
 * @param {string} [name="Pinocchio"] Whom to greet.
 * @param {integer} [times=1] How often, 1 to 9.
 * @param {"calm" | "loud"} [mood="calm"] How to say it.
 */

const times = Number(params.times);
if (times < 1 || times > 9) done(new RangeError(`times: should be 1 to 9, not ${times}`));

const greeting = `Ciao ${params.name}! `.repeat(times).trim();
await echoStep.startStream(params.mood === "loud" ? greeting.toUpperCase() : greeting, { delay: 0.1 }).done();
