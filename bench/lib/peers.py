"""The optional peers: fetched when asked for, never into the tree."""

import json
import os
import shutil
import signal
import subprocess

HERE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                    "peers")
FILES = ("package.json", ".npmrc", "graphile.mjs", "pgboss.mjs")

# What graphile-worker runs with when nobody says anything.
GRAPHILE_DEFAULTS = {}
GRAPHILE_TEN = {"concurrentJobs": 10}
# Batched, at the size that its documentation calls a good starting point:
# one more in the local queue than jobs at a time.
GRAPHILE_ADVISED = {"concurrentJobs": 10, "localQueue": {"size": 11},
                    "completeJobBatchDelay": 0, "failJobBatchDelay": 0}
# Batched, with the settings of its performance page.
GRAPHILE_FASTEST = {"concurrentJobs": 24, "maxPoolSize": 25,
                    "localQueue": {"size": 500}, "completeJobBatchDelay": 0,
                    "failJobBatchDelay": 0}


class Peers:
    """What could be installed; each flag says whether a measure may use it."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.directory = os.path.join(cluster.work, "peers")
        self.node = False
        self.pg_cron = False

    def install(self):
        self._install_node_peers()
        self._install_pg_cron()

    def _install_node_peers(self):
        if not (shutil.which("node") and shutil.which("npm")):
            print("  no node here: graphile-worker and pg-boss are left out")
            return
        os.makedirs(self.directory, exist_ok=True)
        for name in FILES:
            shutil.copy(os.path.join(HERE, name), self.directory)
        if not os.path.isdir(os.path.join(self.directory, "node_modules")):
            environment = dict(os.environ, npm_config_cache=os.path.join(
                self.cluster.work, "npm-cache"))
            subprocess.run(["npm", "install", "--no-package-lock", "--silent"],
                           cwd=self.directory, env=environment, check=True,
                           stdin=subprocess.DEVNULL)
        self.node = True

    def _install_pg_cron(self):
        """Unpack Debian's package below the private prefix."""
        if not self.cluster.has_extension("pg_cron"):
            if not shutil.which("apt-get"):
                print("  no apt-get here: pg_cron is left out")
                return
            version = os.path.basename(os.path.dirname(self.cluster.bin))
            subprocess.run(["apt-get", "download", "-qq", f"postgresql-{version}-cron"],
                           cwd=self.cluster.work, check=True,
                           stdin=subprocess.DEVNULL)
            package = next(name for name in os.listdir(self.cluster.work)
                           if name.startswith(f"postgresql-{version}-cron"))
            subprocess.run(["dpkg-deb", "-x", package, self.cluster.prefix],
                           cwd=self.cluster.work, check=True)
        self.pg_cron = self.cluster.has_extension("pg_cron")

    def graphile(self, database, *arguments, **settings):
        return NodeProcess(self, "graphile.mjs", database, arguments, settings)

    def pgboss(self, database, *arguments, **settings):
        return NodeProcess(self, "pgboss.mjs", database, arguments, settings)


class NodeProcess:
    """A script of peers/ at work; it answers with one JSON document a line."""

    def __init__(self, peers, script, database, arguments, settings):
        environment = dict(os.environ, PGHOST=peers.cluster.sockets, PGUSER="bench",
                           PGDATABASE=database, BENCH_SETTINGS=json.dumps(settings),
                           NO_LOG_SUCCESS="1", NODE_ENV="production")
        self.process = subprocess.Popen(
            ["node", script, *map(str, arguments)], cwd=peers.directory,
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=open(os.path.join(peers.cluster.work, "peers.log"), "a"),
            text=True)

    def answer(self):
        """The next line that the script prints, parsed."""
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("a peer ended early, see peers.log")
        return json.loads(line)

    def wait(self):
        """Let it end by itself."""
        if self.process.wait(timeout=60) != 0:
            raise RuntimeError("a peer failed, see peers.log")

    def stop(self):
        """Ask it to end and return its last answer, if it has one."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        rest = self.process.stdout.read().splitlines()
        self.process.wait(timeout=60)
        return json.loads(rest[-1]) if rest else None

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        if self.process.poll() is None:
            self.process.kill()
        self.process.stdout.close()
        self.process.wait()
