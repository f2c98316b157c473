/** What the prelude's sources use beyond the language and the typings of scripts. */

/** A piece of the prelude that the build bundles on its own; see `lazy.ts`. */
declare module "lazy:*" {
  const carrier: () => void;
  export default carrier;
}

/** Its own declarations cannot be found through its `exports`. */
declare module "event-target-shim" {
  const EventClass: typeof Event;
  const EventTargetClass: typeof EventTarget;
  export { EventClass as Event, EventTargetClass as EventTarget };
  export function setErrorHandler(handler: (error: unknown) => void): void;
  export function setWarningHandler(handler: (warning: object) => void): void;
}
