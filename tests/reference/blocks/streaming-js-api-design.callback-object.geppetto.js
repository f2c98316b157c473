const chatStep = new ChatStepFactory().newStep({ script: "model.yaml" });
defineTool({ name: "searchCode", description: "Searches", handler: () => "in main.go" });
const conv = "use the tool";
const append = (text) => console.log("append", JSON.stringify(text));
const handleTool = (toolCall) => console.log("call", toolCall.name);
const show = (error) => console.log("error", error);

chatStep.startStream(
  conv,
  {
    onPartial: ({ delta }) => append(delta),
    onToolCall: ({ toolCall: tc }) => handleTool(tc),
    onFinal: ({ text: res }) => console.log("final", JSON.stringify(res)),
    onError: ({ error: err }) => show(err),
    onCancel: () => console.log('cancelled')
  }
);
const stopped = chatStep.startStream("go on for ever", { onCancel: () => console.log("cancelled") });
stopped.once("partial", () => stopped.cancel());
// in any order:
// append "I look. "
// call searchCode
// append "\n\nFound it."
// final "I look. \n\nFound it."
// cancelled
