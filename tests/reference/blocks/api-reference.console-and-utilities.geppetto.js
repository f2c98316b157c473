// Available in all scripts
console.log("Hello", "World");
console.error("Error message");

setTimeout(() => console.log("never: done() ends the run"), 50);
// Done callback (when SetupDoneCallback is used)
done(); // Signals script completion
// prints:
// Hello World
// Error message
