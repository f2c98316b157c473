const chatStep = new ChatStepFactory().newStep({ script: "model.yaml" });
const conv = new Conversation();
conv.addMessage("user", "Hi");

let result = '';
for await (const e of chatStep.startStream(conv)) {
  if (e.type === 'partial') result += e.delta;
  if (e.type === 'final')  console.log('LLM:', result, '=', e.text); // the page prints result + text: the text twice
}
// prints:
// LLM: Hello, world! = Hello, world!
