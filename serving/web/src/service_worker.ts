/** Keeps the page, LiteRT and the models that were chosen, so that they work without the server. */

/** The page's files and a hash of them; vite.config.ts puts them here. */
declare const __FILES__: string[];
declare const __HASH__: string;

// The types of pages and of workers are declared together here, and `self` is a page's.
const scope = globalThis as unknown as ServiceWorkerGlobalScope;

const PAGE = `page-${__HASH__}`;
const MODELS = "models";

scope.addEventListener("install", (event) => {
  event.waitUntil(
    caches
      .open(PAGE)
      .then((cache) => cache.addAll(__FILES__))
      .then(() => scope.skipWaiting()),
  );
});

scope.addEventListener("activate", (event) => {
  event.waitUntil(removeOldPages().then(() => scope.clients.claim()));
});

scope.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  const path = url.pathname.slice(new URL(scope.registration.scope).pathname.length);
  if (path.startsWith("models/")) event.respondWith(keptFirst(MODELS, request));
  else if (path.startsWith("assets/") || path.startsWith("litert/")) event.respondWith(keptFirst(PAGE, request));
  else if (path === "models.json") event.respondWith(serverFirst(MODELS, request, removeOldModels));
  else event.respondWith(serverFirst(PAGE, request));
});

/** Answer with the copy; its name changes with its contents. */
async function keptFirst(name: string, request: Request): Promise<Response> {
  const cache = await caches.open(name);
  const kept = await cache.match(request);
  if (kept) return kept;
  const response = await fetch(request);
  if (response.ok) await cache.put(request, response.clone());
  return response;
}

/** Answer with what the server has now; with the copy where it does not answer. */
async function serverFirst(
  name: string,
  request: Request,
  then?: (cache: Cache, response: Response) => Promise<void>,
): Promise<Response> {
  const cache = await caches.open(name);
  try {
    const response = await fetch(request);
    if (response.ok) {
      await cache.put(request, response.clone());
      await then?.(cache, response.clone());
    }
    return response;
  } catch (error) {
    const kept = await cache.match(request, { ignoreSearch: request.mode === "navigate" });
    if (kept) return kept;
    throw error;
  }
}

async function removeOldPages(): Promise<void> {
  const old = (await caches.keys()).filter((name) => name.startsWith("page-") && name !== PAGE);
  await Promise.all(old.map((name) => caches.delete(name)));
}

async function removeOldModels(cache: Cache, list: Response): Promise<void> {
  const models = (await list.json()) as { url: string }[];
  const current = new Set(models.map(({ url }) => new URL(url, scope.registration.scope).href));
  const kept = (await cache.keys()).filter(({ url }) => !url.endsWith("/models.json") && !current.has(url));
  await Promise.all(kept.map((request) => cache.delete(request)));
}

export {};
