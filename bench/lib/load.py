"""A steady load: runs of a task "noop" that arrive at a fixed rate."""

import threading
import time


class Load(threading.Thread):
    """Enqueues so many runs at each interval, never waiting to catch up late."""

    def __init__(self, cluster, database, runs, every):
        super().__init__(daemon=True)
        self.conn = cluster.connect(database, "bench")
        self.conn.prepare("enqueue", "SELECT count(*) FROM taskcenter.enqueue_tasks("
                          "(SELECT jsonb_agg(jsonb_build_object('task', 'noop')) "
                          f"FROM generate_series(1, {runs})))")
        self.every = every
        self.stopping = threading.Event()
        self.error = None

    def run(self):
        due = time.monotonic()
        try:
            while not self.stopping.is_set():
                self.conn.execute_prepared("enqueue")
                due += self.every
                time.sleep(max(0, due - time.monotonic()))
        except Exception as error:
            self.error = error

    def stop(self):
        self.stopping.set()
        self.join()
        self.conn.close()
        if self.error:
            raise self.error
