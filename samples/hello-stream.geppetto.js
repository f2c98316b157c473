// Streams an answer word by word. Needs no API key: with nothing configured, the echo step answers.
const stream = chatStep.startStream("Hello from Geppetto: every word arrives where the code asked for it.");

let words = 0;
for await (const event of stream) {
    if (event.type === "partial") words++;
}
console.log(`${words} pieces, and the whole text is:`, await stream.finalText());
