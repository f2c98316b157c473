const chatStep = new ChatStepFactory().newStep({ script: "model.yaml" });
defineTool({ name: "searchCode", description: "Searches", handler: () => "in main.go" });
const appendToUI = (text) => console.log("append", JSON.stringify(text));
const showToolCall = (toolCall) => console.log("call", toolCall.name, toolCall.input);
const show = (text) => console.log("show", JSON.stringify(text));
const stream = chatStep.startStream("use the tool");

// The page passes the bare delta, tool call and text; here every handler gets the event
stream
  .on('partial', ({ delta }) => appendToUI(delta))
  .on('tool-call', ({ toolCall: tc }) => showToolCall(tc))
  .on('error', err => console.error(err))
  .on('final', ({ text: res }) => show(res));
// prints:
// append "I look. "
// call searchCode { query: 'main' }
// append "\n\nFound it."
// show "I look. \n\nFound it."
