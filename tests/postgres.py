"""A PostgreSQL server of the tests' own, in a folder that goes away with them."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

PROGRAMS = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path("/usr/lib/postgresql/15/bin"))


class Postgres:
    """A running server; `database` makes an empty database and gives its address."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._numbers = count()

    def database(self) -> str:
        name = f"neuvo{next(self._numbers)}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
        return self._address(name)

    def _address(self, name: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"


@contextmanager
def running(folder: Path, port: int) -> Iterator[Postgres]:
    """Start a server, as the Debian package's user where the tests run as root: PostgreSQL refuses that."""
    assert PROGRAMS.exists(), "PostgreSQL is missing: apt-get install $(cat deploy/debian-packages.txt)"
    user: dict[str, Any] = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
    if user:
        for parent in (folder, *folder.parents):  # pytest's folders are closed to others
            if parent.stat().st_uid == 0 and parent.is_relative_to("/tmp") and parent != Path("/tmp"):  # noqa: S108
                parent.chmod(0o711)
        shutil.chown(folder, "postgres", "postgres")
    data = folder / "data"

    def call(*words: str) -> None:
        subprocess.run(words, cwd=folder, check=True, capture_output=True, **user)

    call(str(PROGRAMS / "initdb"), "-D", str(data), "-U", "postgres", "--auth=trust", "--no-sync", "--encoding=UTF8")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    control = str(PROGRAMS / "pg_ctl")
    call(control, "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield Postgres(port)
    finally:
        call(control, "-D", str(data), "-w", "-m", "immediate", "stop")
