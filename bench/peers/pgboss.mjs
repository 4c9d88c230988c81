// pg-boss on the bench's cluster, as fast as its interface allows: it polls, so
// its worker loop is left out and batches are fetched and completed at once.
//
//   pgboss.mjs queue N     create its schema and queue N jobs
//   pgboss.mjs drain N     drain them; answer the seconds

import PgBoss from "pg-boss";

const mode = process.argv[2];
const count = Number(process.argv[3]);
const { sessions = 4, batch = 60 } = JSON.parse(process.env.BENCH_SETTINGS ?? "{}");
const boss = new PgBoss({
  host: process.env.PGHOST,
  user: process.env.PGUSER,
  database: process.env.PGDATABASE,
  max: sessions,
  supervise: false,
  schedule: false,
});
await boss.start();

async function queueJobs() {
  await boss.createQueue("noop");
  for (let queued = 0; queued < count; queued += 10000) {
    const size = Math.min(10000, count - queued);
    await boss.insert(Array.from({ length: size }, () => ({ name: "noop" })));
  }
  return { queued: count };
}

async function fetchAndComplete() {
  let done = 0;
  for (;;) {
    const jobs = await boss.fetch("noop", { batchSize: batch });
    if (!jobs?.length) {
      return done;
    }
    await boss.complete("noop", jobs.map((job) => job.id));
    done += jobs.length;
  }
}

async function drain() {
  const start = performance.now();
  const parts = await Promise.all(Array.from({ length: sessions }, fetchAndComplete));
  const seconds = (performance.now() - start) / 1000;
  const done = parts.reduce((sum, part) => sum + part, 0);
  if (done !== count) {
    throw new Error(`${done} of ${count} jobs ran`);
  }
  return { seconds };
}

process.stdout.write(JSON.stringify(await (mode === "queue" ? queueJobs() : drain())) + "\n");
await boss.stop({ graceful: false });
process.exit(0);
