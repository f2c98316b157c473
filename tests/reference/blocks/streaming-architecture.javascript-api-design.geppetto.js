const chatStep = new ChatStepFactory().newStep({ script: "model.yaml" });
defineTool({ name: "searchCode", description: "Searches", handler: () => "in main.go" });
const conversation = new Conversation();
conversation.addMessage("user", "use the tool");
let chat = "";
const appendToChat = (text) => (chat += text);
const finalizeChatMessage = (text) => console.log("chat:", JSON.stringify(chat));
const showError = (error) => console.log("error:", error);

// JavaScript API usage
const stream = chatStep.startStream(conversation, {
    onStart: (event) => {
        console.log('Streaming started:', event.step.type);
    },
    
    onPartial: (event) => {
        // Update UI with delta
        appendToChat(event.delta);
        console.log('Partial:', JSON.stringify(event.completion));
    },
    
    onToolCall: (event) => {
        console.log('Tool call:', event.toolCall.name);
    },
    
    onFinal: (event) => {
        console.log('Final result:', JSON.stringify(event.text));
        finalizeChatMessage();
    },
    
    onError: (event) => {
        console.error('Error:', event.error);
    },
    
    onInterrupt: (event) => {
        console.log('Interrupted:', event.text);
    }
});

// Cancellation support (the guide waits ten seconds; a stream that has ended stays as it is)
setTimeout(() => {
    stream.cancel();
}, 300);
await stream.done();
chat = "";

// Alternative: Async iterator support
for await (const event of chatStep.startStreamAsync(conversation)) {
    switch (event.type) {
        case 'partial':
            appendToChat(event.delta);
            break;
        case 'final':
            finalizeChatMessage(event.text);
            break;
        case 'error':
            showError(event.error);
            break;
    }
}
// prints:
// Streaming started: scripted
// Partial: "I look. "
// Tool call: searchCode
// Partial: "I look. \n\nFound it."
// Final result: "I look. \n\nFound it."
// chat: "I look. \n\nFound it."
// chat: "I look. \n\nFound it."
