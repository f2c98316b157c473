const chatStep = new ChatStepFactory().newStep({ script: "model.yaml" });
defineTool({ name: "searchCode", description: "Searches", handler: () => "in main.go" });
const updateUI = (text) => console.log("update", JSON.stringify(text));
const runTool = (call) => console.log("tool", call.name);
const showFinal = (text) => console.log("final", JSON.stringify(text));
const alert = (error) => console.log("alert", error);

for (const conv of ["use the tool", "fail"]) {
    const stream = chatStep.startStream(conv);
    stream
      .on('partial', e => updateUI(e.delta))
      .on('tool-call', e => runTool(e.toolCall))
      .on('final',   e => showFinal(e.text))
      .on('error',   e => alert(e.error));
    await stream.done().catch(() => {});
}
// prints:
// update "I look. "
// tool searchCode
// update "\n\nFound it."
// final "I look. \n\nFound it."
// update "Half an "
// alert too many requests…
