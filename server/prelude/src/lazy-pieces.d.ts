/** A piece of the prelude that the build bundles on its own; see `lazy.ts`. */
declare module "lazy:*" {
  const carrier: () => void;
  export default carrier;
}
