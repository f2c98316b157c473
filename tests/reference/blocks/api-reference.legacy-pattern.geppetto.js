const step = doubleStep;
const input = 21;

// Old Promise-based API (in the guide no longer available; here deprecated)
const results = await step.startAsync(input);
console.log(results);

// Old callback API (likewise)
const cancel = step.startWithCallbacks(input, {
    onResult: (result) => console.log(result),
    onError: (error) => console.error(error)
});
console.log(typeof cancel);

// The third of the trio, from the streaming design
console.log(step.startBlocking(input));

// Old wrapper classes (no longer available)
console.log(typeof GenericStepWrapper);
// prints:
// [ 42 ]
// function
// [ 42 ]
// undefined
// 42
