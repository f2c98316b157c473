/**
 * Greets somebody.
 * @param {string} name Whom to greet.
 */
const greeting = `Hello ${params.name}!`;
const answer = await chatStep.startStream(greeting).finalText();
console.log("That were", answer.length, "characters.");
