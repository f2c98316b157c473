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

const { atob, btoa, DOMException, structuredClone, URL, URLSearchParams } = globalThis;
// What core-js shares between its copies; this one stays alone.
delete (globalThis as Partial<Record<string, unknown>>)["__core-js_shared__"];

export { atob, btoa, DOMException, structuredClone, URL, URLSearchParams };
