/** URLs, from core-js: its modules install globals, which `lazyGlobals` then takes over. See also `web.ts`. */
import "core-js/modules/web.url";
import "core-js/modules/web.url.can-parse";
import "core-js/modules/web.url.parse";
import "core-js/modules/web.url.to-json";
import "core-js/modules/web.url-search-params";
import "core-js/modules/web.url-search-params.delete";
import "core-js/modules/web.url-search-params.has";
import "core-js/modules/web.url-search-params.size";

interface Urls {
  URL: typeof URL;
  URLSearchParams: typeof URLSearchParams;
}

const installed = globalThis as unknown as Urls;
export const urls: Urls = { URL: installed.URL, URLSearchParams: installed.URLSearchParams };
