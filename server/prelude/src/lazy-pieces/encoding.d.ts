// Beside encoding.js, which is no TypeScript: the library's own declarations would bring in all of Node's.
declare const encoder: typeof TextEncoder;
declare const decoder: typeof TextDecoder;
export { encoder as TextEncoder, decoder as TextDecoder };
