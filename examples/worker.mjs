// A worker in Node: executes runs of external tasks, several at a time.
//   npm install pg
//   PGDATABASE=app node worker.mjs QUEUE HANDLERS.mjs
//
// HANDLERS.mjs exports an object: task name -> async (run, { client, signal }) => output.
// What a handler writes through `client` commits together with the success of the run, or not at
// all.  `signal` is aborted when the run is cancelled or lost.  An error fails the run; its code,
// retryable, retryAfter ("5 minutes") are passed on.  SIGTERM: what it has is done, then it ends.
import { hostname } from "node:os";
import { pathToFileURL } from "node:url";
import pg from "pg";

const [queue, file] = process.argv.slice(2);
const handlers = (await import(pathToFileURL(file))).default;
const concurrency = Number(process.env.CONCURRENCY ?? 4);
const lease = Number(process.env.LEASE ?? 60); // seconds; beats come three times as often
const pool = new pg.Pool({ max: concurrency + 2 });
const running = new Map(); // run_id -> AbortController
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
pool.on("error", () => {}); // a connection broke: the next query opens another

// Ask until the server answers; an error that is the answer is passed on.
async function ask(text, values) {
  for (;;) {
    try {
      return (await pool.query(text, values)).rows;
    } catch (error) {
      if (error.severity && !/^(08|57P)/.test(error.code)) throw error;
      await pause(500);
    }
  }
}

async function beat() {
  const ids = [...running.keys()];
  const held = await ask("SELECT * FROM taskcenter.heartbeat($1, $2)", [worker, ids]);
  const well = new Set(held.filter((row) => !row.cancel_requested).map((row) => row.run_id));
  for (const id of ids) if (!well.has(id)) running.get(id)?.abort();
}

// The handler's writes and the success of the run are one transaction.
async function execute(run) {
  const controller = new AbortController();
  running.set(run.run_id, controller);
  let client;
  try {
    client = await pool.connect();
    await client.query("BEGIN");
    const output = await handlers[run.task](run, { client, signal: controller.signal });
    await client.query("SELECT taskcenter.complete_run($1, $2, $3)",
      [run.run_id, run.token, JSON.stringify(output ?? null)]);
    await client.query("COMMIT");
    client.release();
  } catch (error) {
    client?.release(error); // closed, and so rolled back
    // refused if the lease was lost, or if only the answer to COMMIT was
    await ask("SELECT taskcenter.fail_run($1, $2, $3, $4, $5, $6)", [run.run_id, run.token,
      String(error?.message ?? error), error?.severity ? null : error?.code,
      error?.retryable, error?.retryAfter]).catch(() => {});
  }
  running.delete(run.run_id);
}

const [{ worker }] = await ask("SELECT taskcenter.register_worker($1, $2, $3) AS worker",
  [`${hostname()} ${process.pid}`, [queue], Object.keys(handlers)]);
let stopping = false;
for (const name of ["SIGTERM", "SIGINT"]) process.on(name, () => { stopping = true; });
setInterval(() => beat().catch(() => {}), (lease * 1000) / 3).unref();
while (!stopping) {
  const free = concurrency - running.size;
  const runs = free === 0 ? [] : await ask("SELECT * FROM taskcenter.claim_runs($1, $2, $3)",
    [worker, free, `${lease} seconds`]);
  for (const run of runs) execute(run);
  if (free === 0) await pause(20);
  else if (!runs.length) await ask("CALL taskcenter.await_runs($1, '5 seconds')", [worker]);
}
while (running.size > 0) await pause(50);
await ask("SELECT taskcenter.unregister_worker($1)", [worker]);
pool.end().then(() => process.exit()); // whatever a beat still asks
