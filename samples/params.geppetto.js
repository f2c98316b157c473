// Parameters: what a program takes from the command line, declared in one place, with defaults and checks.
//
//   geppetto run samples/params.geppetto.js
//   geppetto run samples/params.geppetto.js -p name=Gina -p times=3 -p loud=yes
//   geppetto run samples/params.geppetto.js -p times=many        (says what is wrong, and fails)
//
// `-p name=text` gives text, `-p name:=json` anything else; `--params-file` reads many from a file.

/** A name, what it is for, the value it has unless given, and how it is read; `read` throws on what it does not take. */
const declared = {
  name: { about: "whom to greet", standard: "Pinocchio", read: String },
  times: { about: "how often, 1 to 9", standard: 1, read: numberFrom1To9 },
  loud: { about: "yes or no", standard: false, read: yesOrNo },
};

/** @param {unknown} value */
function numberFrom1To9(value) {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1 || number > 9) throw new Error("should be a whole number from 1 to 9");
  return number;
}

/** @param {unknown} value */
function yesOrNo(value) {
  if (value === true || value === "yes") return true;
  if (value === false || value === "no") return false;
  throw new Error("should be yes or no");
}

/**
 * The value of every declared parameter; ends the run with an explanation if one is wrong or unknown.
 * @template {Record<string, { about: string, standard: unknown, read: (value: unknown) => unknown }>} Declared
 * @param {Declared} declared
 * @returns {{ [Name in keyof Declared]: ReturnType<Declared[Name]["read"]> }}
 */
function readParams(declared) {
  const problems = Object.keys(params)
    .filter((name) => !(name in declared))
    .map((name) => `${name}: there is no such parameter`);
  const values = Object.entries(declared).map(([name, { standard, read }]) => {
    try {
      return [name, params[name] === undefined ? standard : read(params[name])];
    } catch (error) {
      problems.push(`${name}: ${error instanceof Error ? error.message : error}, not ${params[name]}`);
      return [name, standard];
    }
  });
  if (problems.length > 0) {
    const known = Object.entries(declared).map(([name, { about, standard }]) => `  ${name}: ${about} (${standard})`);
    done(new Error(["wrong parameters", ...problems, "what there is:", ...known].join("\n")));
  }
  return Object.fromEntries(values);
}

const { name, times, loud } = readParams(declared);
const greeting = `Ciao ${name}! `.repeat(times).trim();
await echoStep.startStream(loud ? greeting.toUpperCase() : greeting, { delay: 0.1 }).done();
