const conv = new Conversation();

// Add message with image
const msgWithImage = conv.AddMessageWithImage(
    "user",
    "What's in this image?",
    "image.png"
);
const [message] = conv.GetMessages();
console.log("images" in message && message.images[0].mediaType);

// Images are validated for existence, format and size
for (const path of ["missing.png", "model.yaml"]) {
    try {
        conv.AddMessageWithImage("user", "And this?", path);
    } catch (error) {
        console.log(path, error.code);
    }
}
console.log(conv.GetMessages().length);
// prints:
// image/png
// missing.png missing
// model.yaml unsupported
// 1
