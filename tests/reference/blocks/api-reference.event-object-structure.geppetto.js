const step = new ChatStepFactory().newStep({ script: "model.yaml" });
defineTool({ name: "searchCode", description: "Searches", handler: () => ({ file: "main.go" }) });

const shape = (value) =>
    Object.entries(value)
        .map(([name, field]) => (typeof field === "object" && !name.match(/metadata|usage|input|result/) ? `${name}{${shape(field)}}` : `${name}: ${typeof field}`))
        .join(", ");
const seen = new Set();
const show = (event) => {
    if (seen.has(event.type)) return;
    seen.add(event.type);
    const { meta, step, ...own } = event;
    if (event.type === "start") console.log(shape({ meta, step }));
    delete own.type;
    console.log(`${event.type}: ${shape(own)}`);
};
step.runWithEvents("use the tool", show);
await step.startStream("use the tool").done();
step.runWithEvents("fail", show);
const stream = step.startStream("go on for ever").on("partial", () => stream.cancel()).on("interrupt", show);
await stream.done();
// prints:
// meta{messageId: string, parentId: string, engine: string}, step{stepId: string, type: string, inputType: string, outputType: string, metadata: object}
// start: 
// partial: delta: string, completion: string
// tool-call: toolCall{id: string, name: string, input: object, rawInput: string}
// tool-result: toolResult{id: string, result: object, isError: boolean}
// final: text: string, result: string
// error: error: string, code: string
// interrupt: text: string
