export { Event, EventTarget, setErrorHandler, setWarningHandler } from "event-target-shim";
