/** Lets the page work without its server, where the browser allows it. */

const PATIENCE = 4000; // milliseconds

/**
 * Start the service worker and wait until the page's requests go through it, so that what is loaded from then on is
 * kept. Browsers have service workers under https and on the machine itself only.
 */
export async function prepareOffline(): Promise<boolean> {
  const workers = (navigator as Partial<Navigator>).serviceWorker;
  if (!workers) return false;
  try {
    const controlled = new Promise<void>((resolve) => {
      workers.addEventListener("controllerchange", () => {
        resolve();
      });
    });
    await workers.register("service_worker.js");
    if (!workers.controller) await Promise.race([controlled, after(PATIENCE)]);
  } catch {
    // Switched off by the user, or offline at the first visit: the page works, as long as its server does.
  }
  return workers.controller !== null;
}

function after(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
