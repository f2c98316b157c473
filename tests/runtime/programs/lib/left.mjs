import { slow } from "./slow.mjs"; export const left = `left ${slow}`;
