/**
 * The web platform's small functions, from core-js: its modules install globals, which `lazyGlobals` then takes over.
 * The modules are named one by one, so that no language polyfill comes along that could touch a script's built-ins.
 */
import "core-js/modules/web.atob";
import "core-js/modules/web.btoa";
import "core-js/modules/web.dom-exception.constructor";
import "core-js/modules/web.dom-exception.stack";
import "core-js/modules/web.dom-exception.to-string-tag";
import "core-js/modules/web.structured-clone";
import "core-js/modules/web.url";
import "core-js/modules/web.url.can-parse";
import "core-js/modules/web.url.parse";
import "core-js/modules/web.url.to-json";
import "core-js/modules/web.url-search-params";
import "core-js/modules/web.url-search-params.delete";
import "core-js/modules/web.url-search-params.has";
import "core-js/modules/web.url-search-params.size";

interface Web {
  atob: typeof atob;
  btoa: typeof btoa;
  DOMException: typeof DOMException;
  structuredClone: typeof structuredClone;
  URL: typeof URL;
  URLSearchParams: typeof URLSearchParams;
}

const installed = globalThis as unknown as Web & { "__core-js_shared__"?: unknown };
export const web: Web = {
  atob: installed.atob,
  btoa: installed.btoa,
  DOMException: installed.DOMException,
  structuredClone: installed.structuredClone,
  URL: installed.URL,
  URLSearchParams: installed.URLSearchParams,
};
// What core-js shares between its copies; this one stays alone.
delete installed["__core-js_shared__"];
