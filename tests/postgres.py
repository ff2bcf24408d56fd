"""A PostgreSQL server of the tests' own, in a folder that goes away with them."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
from psycopg import sql

PROGRAMS = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path("/usr/lib/postgresql/15/bin"))


class Postgres:
    """A running server; `database` makes an empty database and gives its address."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._numbers = count()

    def database(self) -> str:
        name = f"neuvo{next(self._numbers)}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self._address(name)

    def _address(self, name: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"


@contextmanager
def running(port: int) -> Iterator[Postgres]:
    """Start a server, as the Debian package's user where the tests run as root: PostgreSQL refuses that."""
    assert PROGRAMS.exists(), "PostgreSQL is missing: apt-get install $(cat deploy/debian-packages.txt)"
    user: dict[str, Any] = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
    with TemporaryDirectory() as folder:  # not one of pytest's, which are closed to that user
        if user:
            shutil.chown(folder, **user)
        data = f"{folder}/data"

        def call(*words: str) -> None:
            subprocess.run(words, cwd=folder, check=True, capture_output=True, **user)

        call(str(PROGRAMS / "initdb"), "-D", data, "-U", "postgres", "--auth=trust", "--no-sync", "--encoding=UTF8")
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        control = str(PROGRAMS / "pg_ctl")
        call(control, "-D", data, "-w", "-l", f"{folder}/log", "-o", options, "start")
        try:
            yield Postgres(port)
        finally:
            call(control, "-D", data, "-w", "-m", "immediate", "stop")
