// What failures look like, and what to do about them.
//
//   geppetto run samples/errors.geppetto.js
//   geppetto run samples/errors.geppetto.js -p careless=yes      (fails, and says where)
//
// A step that fails ends its stream with an `error` event. An error that nobody looks at makes the run fail, with
// the place that started the step: it cannot get lost.

const model = new ChatStepFactory().newStep({ script: "errors.model.yaml" });

// 1. `finalText()` and `done()` reject, with a code that tells what kind of failure it was.
try {
  await model.startStream("Let me in.").finalText();
} catch (error) {
  const { message, code } = /** @type {StepError} */ (error);
  console.log(`refused: ${message} [${code}]`);
}

// 2. In a loop, or a handler, an error is an event like any other. What was said before it is kept.
const cut = model.startStream("Tell me a long story.");
for await (const event of cut) {
  if (event.type === "error") console.log(`cut off: ${event.error} [${event.code}], after ${JSON.stringify(cut.text)}`);
}

// 3. Some failures are worth another try, a little later.
/**
 * @param {string} question
 * @param {number} tries
 */
async function askPatiently(question, tries) {
  for (let pause = 100; ; pause *= 2) {
    try {
      return await model.startStream(question).finalText();
    } catch (error) {
      const { code } = /** @type {StepError} */ (error);
      if (--tries === 0 || !["rate_limit", "overloaded", "network"].includes(code ?? "")) throw error;
      console.log(`busy [${code}], trying again in ${pause} ms`);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}
console.log("patience:", (await askPatiently("Are you there?", 3)).length, "characters");

// 4. A wrong argument is a TypeError at once, which names the argument; nothing was started or changed.
try {
  // @ts-expect-error: the editor knows that this is no role
  new Conversation().addMessage("puppeteer", "Dance!"); // geppetto-ignore unknown-role
} catch (error) {
  console.log("argument:", error instanceof TypeError, error instanceof Error ? error.message : error);
}

// 5. A tool that throws does not end anything: the model is told.
defineTool({
  name: "nose",
  description: "How long the nose is",
  handler: () => {
    throw new Error("it is still growing");
  },
});
const honest = model.startStream("How long is your nose?");
honest.on("tool-result", ({ toolResult }) => console.log("tool:", toolResult.isError, toolResult.result));
await honest.done();

// 6. Careless code: nobody waits for this stream, and nobody looks at its error. Geppetto does.
if (params.careless) model.startStream("Let me in."); // geppetto-ignore stream-not-consumed
