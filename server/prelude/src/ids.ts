import { floor, numberToString, random } from "./primordials";

/** A random (version 4) UUID. */
export function newID(): string {
  let id = "";
  for (let i = 0; i < 32; i++) {
    if (i === 8 || i === 12 || i === 16 || i === 20) id += "-";
    const digit = i === 12 ? 4 : i === 16 ? 8 + floor(random() * 4) : floor(random() * 16);
    id += numberToString(digit, 16);
  }
  return id;
}
