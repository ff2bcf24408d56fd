"""Known vulnerabilities in both lock files. `python -m bot.audit`; exit code 1 when something public is affected.

What faces the public (the root lock file) must have none. Rasa's environment is frozen and reached over loopback only: what
is known of it is printed. A package that could not be asked about is a failure, not a pass.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from guidance.content import ROOT

UV = ROOT / "var" / "uv" / "bin" / "uv"


class AuditError(Exception):
    """The question could not be asked."""


def locked(project: Path) -> str:
    """The pinned requirements of a project's lock file, without the project itself and its development tools."""
    done = subprocess.run(
        [UV, "export", "--locked", "--no-dev", "--no-emit-project", "--no-hashes", "--no-header", "--format", "requirements-txt"],
        cwd=project, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise AuditError(f"{project}: the lock file cannot be read: {done.stderr.strip()}")
    return "\n".join(re.sub(r"\s*;.*", "", line) for line in done.stdout.splitlines() if re.match(r"[\w.-]+(\[.*\])?==", line))


def audit(requirements: str) -> dict[str, list[str]]:
    """The known vulnerabilities of pinned requirements, by package.

    Raises:
        AuditError: the database could not be asked about one of them.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(requirements)
        file.flush()
        asking = ["--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off", "--requirement"]
        done = subprocess.run(
            [sys.executable, "-m", "pip_audit", *asking, file.name], capture_output=True, text=True, check=False
        )
    try:
        report = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        raise AuditError(f"the vulnerability database could not be asked: {done.stderr.strip()[-500:]}") from None
    skipped = [f"{entry['name']}: {entry['skip_reason']}" for entry in report if "skip_reason" in entry]
    asked = {entry["name"] for entry in report if "skip_reason" not in entry}
    wanted = len(requirements.splitlines())
    if skipped or len(asked) < wanted:
        reason = skipped[0] if skipped else "some are missing from the report"
        raise AuditError(
            f"the vulnerability database answered about {len(asked)} of {wanted} packages only; for example: {reason}"
        )
    return {
        f"{entry['name']} {entry['version']}": [vulnerability["id"] for vulnerability in entry["vulns"]]
        for entry in report
        if entry["vulns"]
    }


def main() -> int:
    """Audit both lock files; the exit code."""
    try:
        public, frozen = audit(locked(ROOT)), audit(locked(ROOT / "nlu"))
    except AuditError as error:
        print(f"neuvo: {error}", file=sys.stderr)
        return 1
    for title, found in (("what faces the public", public), ("Rasa's environment (loopback only)", frozen)):
        print(f"{title}: {len(found)} packages with known vulnerabilities")
        for package, identifiers in sorted(found.items()):
            print(f"  {package}: {', '.join(identifiers)}")
    return 1 if public else 0


if __name__ == "__main__":
    sys.exit(main())
