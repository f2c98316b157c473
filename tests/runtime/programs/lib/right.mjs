import { slow } from "./slow.mjs"; export const right = `right ${slow}`;
