/**
 * The web platform's small things, from core-js: its modules install globals, which `lazyGlobals` then takes over.
 * The modules are named one by one, so that no language polyfill comes along that could touch a script's built-ins.
 */
import "core-js/modules/web.atob";
import "core-js/modules/web.btoa";
import "core-js/modules/web.dom-exception.constructor";
import "core-js/modules/web.dom-exception.stack";
import "core-js/modules/web.dom-exception.to-string-tag";
import "core-js/modules/web.structured-clone";

interface Web {
  atob: typeof atob;
  btoa: typeof btoa;
  DOMException: typeof DOMException;
  structuredClone: typeof structuredClone;
}

const installed = globalThis as unknown as Web;
export const web: Web = {
  atob: installed.atob,
  btoa: installed.btoa,
  DOMException: installed.DOMException,
  structuredClone: installed.structuredClone,
};
