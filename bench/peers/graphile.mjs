// graphile-worker on the bench's cluster. PG* name the database, BENCH_SETTINGS
// holds what is set beyond its defaults. Answers on stdout, a JSON document each.
//
//   graphile.mjs migrate     create its schema
//   graphile.mjs serve       run until SIGTERM; then answer when each job started
//   graphile.mjs drain N     run what is queued; answer the seconds for N jobs,
//                            from the start of the first until none is in the table

import { Logger, run, runMigrations } from "graphile-worker";
import pg from "pg";

const [mode, count] = process.argv.slice(2);
const settings = JSON.parse(process.env.BENCH_SETTINGS ?? "{}");
const logger = new Logger(() => (level, message) => {
  if (level === "error" || level === "warning") {
    console.error(message);
  }
});
const preset = { worker: { connectionString: "postgres:///", logger, ...settings } };

// CLOCK_MONOTONIC, which the client reads too: no two clocks to compare.
const monotonicMicroseconds = () => Number(process.hrtime.bigint() / 1000n);
const answer = (document) => process.stdout.write(JSON.stringify(document) + "\n");

if (mode === "migrate") {
  await runMigrations({ preset });
  answer({ ready: true });
} else if (mode === "serve") {
  const started = [];
  const runner = await run({
    preset,
    noHandleSignals: true,
    taskList: {
      noop: async (payload, helpers) => {
        started.push([helpers.job.id, monotonicMicroseconds()]);
      },
    },
  });
  answer({ ready: true });
  await new Promise((resolve) => process.once("SIGTERM", resolve));
  await runner.stop();
  answer({ started });
} else if (mode === "drain") {
  const observer = new pg.Client();
  await observer.connect();
  let first = null;
  let done = 0;
  let allStarted;
  const lastStart = new Promise((resolve) => (allStarted = resolve));
  const runner = await run({
    preset,
    noHandleSignals: true,
    taskList: {
      noop: async () => {
        first ??= performance.now();
        done += 1;
        if (done === Number(count)) {
          allStarted();
        }
      },
    },
  });
  await lastStart;
  const anyLeft = "SELECT FROM graphile_worker.jobs LIMIT 1";
  while ((await observer.query(anyLeft)).rowCount > 0);
  const seconds = (performance.now() - first) / 1000;
  await runner.stop();
  await observer.end();
  answer({ seconds });
}
