/**
 * Make a function that works on the latest argument alone: while one call is under way only the newest of the others is
 * remembered, so that fast typing never builds up a queue.
 */
export function latest<T>(work: (argument: T) => Promise<void>): (argument: T) => void {
  let next: { argument: T } | undefined;
  let busy = false;

  async function run(): Promise<void> {
    busy = true;
    try {
      while (next) {
        const { argument } = next;
        next = undefined;
        await work(argument);
      }
    } finally {
      busy = false;
    }
  }

  return (argument) => {
    next = { argument };
    if (!busy) void run();
  };
}
