export default async (x) => x * 2; // trailing
export class Shape { sides = [1, 2] // no semicolon
  area() { return this.sides.length } } // trailing
export const { table } = { table: `${await (async () => "t")()}` };
