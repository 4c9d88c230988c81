"""A private installation and a private cluster, thrown away afterwards.

The packaged server is relocatable as long as its directories keep their places
relative to each other, so a copy below another root is an installation of its
own: the extension and the peers go there and the system's stays untouched.
"""

import contextlib
import os
import shutil
import subprocess
import time

from .libpq import Connection, DatabaseError

SETTINGS = {
    "listen_addresses": "''",
    "shared_buffers": "'1GB'",
    "max_wal_size": "'8GB'",
    "checkpoint_timeout": "'30min'",
    "fsync": "on",
    "synchronous_commit": "on",
    "max_connections": "120",
    "max_worker_processes": "100",
    "restart_after_crash": "on",
    "logging_collector": "off",
    "log_min_messages": "warning",
}
READY_WITHIN = 60


class Cluster:
    def __init__(self, work, pg_config):
        self.work = work
        self.prefix = os.path.join(work, "pg")
        self.data = os.path.join(work, "data")
        self.sockets = os.path.join(work, "s")
        self.log = os.path.join(work, "server.log")
        self.system_config = pg_config
        self.bin = self.prefix + self._ask(pg_config, "--bindir")
        self.settings = None
        self.has_engine = False

    # -- installation

    def install(self, tree=None):
        """Copy the packaged server; build and add the extension of a tree."""
        for option in ("--bindir", "--pkglibdir", "--sharedir"):
            source = self._ask(self.system_config, option)
            if not os.path.exists(self.prefix + source):
                shutil.copytree(source, self.prefix + source, symlinks=True,
                                ignore=shutil.ignore_patterns("taskcenter*"))
        self._link_includes()
        if tree is not None:
            self._build(tree)
            self.has_engine = True

    def _link_includes(self):
        include = self._ask(self.system_config, "--includedir")
        target = self.prefix + include
        if not os.path.lexists(target):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.symlink(include, target)

    def _build(self, tree):
        build = os.path.join(self.work, "build")
        shutil.rmtree(build, ignore_errors=True)
        shutil.copytree(tree, build, ignore=shutil.ignore_patterns(
            ".git", "node_modules", "tmp_*", "*.o", "*.bc", "*.so"))
        command = ["make", "-s", "with_llvm=no",
                   "PG_CONFIG=" + os.path.join(self.bin, "pg_config")]
        self._run(command, cwd=build)
        self._run(command + ["install"], cwd=build)

    def has_extension(self, name):
        share = self.prefix + self._ask(self.system_config, "--sharedir")
        return os.path.exists(os.path.join(share, "extension", name + ".control"))

    # -- the server

    def create(self):
        os.makedirs(self.sockets, exist_ok=True)
        self._run([self._tool("initdb"), "-D", self.data, "-A", "trust", "-N",
                   "-U", "postgres", "--no-locale", "-E", "UTF8"])
        with open(os.path.join(self.data, "postgresql.conf"), "a") as conf:
            conf.write("include 'bench.conf'\n")

    def configure(self, preload=(), **settings):
        """Have the server run with exactly these settings on top of the common ones."""
        libraries = (["taskcenter"] if self.has_engine else []) + list(preload)
        wanted = dict(SETTINGS, unix_socket_directories=f"'{self.sockets}'",
                      shared_preload_libraries=f"'{','.join(libraries)}'")
        if self.has_engine:
            # steady state: not what the first minute after a start costs
            wanted["taskcenter.strict_start"] = "0"
        wanted.update((name.replace("__", "."), value)
                      for name, value in settings.items())
        if wanted == self.settings:
            return
        self.stop()
        with open(os.path.join(self.data, "bench.conf"), "w") as conf:
            conf.writelines(f"{name} = {value}\n" for name, value in wanted.items())
        self._run([self._tool("pg_ctl"), "-D", self.data, "-l", self.log, "-w",
                   "-t", str(READY_WITHIN), "start"])
        self.settings = wanted

    def stop(self):
        if self.settings is None:
            return
        self._run([self._tool("pg_ctl"), "-D", self.data, "-m", "fast", "-w", "stop"])
        self.settings = None

    def conninfo(self, database="postgres", user="postgres"):
        return (f"host={self.sockets} dbname={database} user={user} "
                "application_name=bench")

    def connect(self, database="postgres", user="postgres"):
        return Connection(self.conninfo(database, user))

    def wait_ready(self, deadline=READY_WITHIN):
        """Connect as soon as the server lets us; returns the session."""
        end = time.monotonic() + deadline
        while True:
            try:
                return self.connect()
            except DatabaseError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.005)

    @contextlib.contextmanager
    def database(self, name, extension=None):
        """A database for one measure, with the role bench as its plain user."""
        with self.connect() as admin:
            if not admin.query("SELECT 1 FROM pg_roles WHERE rolname = 'bench'"):
                admin.execute("CREATE ROLE bench LOGIN")
            admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            admin.execute(f'CREATE DATABASE "{name}"')
        try:
            with self.connect(name) as admin:
                admin.execute("CREATE SCHEMA bench AUTHORIZATION bench")
                if extension:
                    admin.execute(f"CREATE EXTENSION {extension}")
            yield name
        finally:
            with self.wait_ready() as admin:
                admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def pgbench(self, database, *arguments):
        """Run pgbench as the role bench; returns transactions per second."""
        output = self._run([self._tool("pgbench"), "-h", self.sockets, "-U", "bench",
                            "-n", *arguments, database], capture=True)
        for line in output.splitlines():
            if line.startswith("tps = "):
                return float(line.split()[2])
        raise RuntimeError("pgbench printed no rate:\n" + output)

    def postmaster_pid(self):
        with open(os.path.join(self.data, "postmaster.pid")) as pid:
            return int(pid.readline())

    # -- small things

    def _tool(self, name):
        return os.path.join(self.bin, name)

    @staticmethod
    def _ask(pg_config, option):
        return subprocess.run([pg_config, option], check=True, text=True,
                              stdout=subprocess.PIPE).stdout.strip()

    def _run(self, command, cwd=None, capture=False):
        with open(os.path.join(self.work, "commands.log"), "a") as log:
            log.write(" ".join(command) + "\n")
            log.flush()
            begin = log.tell()
            done = subprocess.run(command, cwd=cwd or self.work, text=True,
                                  stdin=subprocess.DEVNULL, stderr=log,
                                  stdout=subprocess.PIPE if capture else log)
        if done.returncode != 0:
            with open(os.path.join(self.work, "commands.log"), errors="replace") as log:
                log.seek(begin)
                said = log.read()[-2000:]
            raise RuntimeError(f"{command[0]} ended with {done.returncode}, "
                               f"see {self.work}/commands.log\n{said}")
        return done.stdout
