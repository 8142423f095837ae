"""`make manifests`: writes the rendered overlays to deploy/kubernetes/rendered.

Each file names the digest of what it was rendered from, so that a forgotten rendering is seen on machines without kubectl too."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
KUBERNETES = ROOT / "deploy" / "kubernetes"
OVERLAYS = ("production", "trial")


def rendered_file(overlay: str) -> Path:
    """Where an overlay is rendered to."""
    return KUBERNETES / "rendered" / f"{overlay}.yaml"


def heading(overlay: str) -> str:
    """The first line of a rendered overlay: what it was rendered from."""
    digest = hashlib.sha256()
    for path in sorted(path for path in KUBERNETES.rglob("*") if path.suffix in (".yaml", ".env")):
        if path.parent.name != "rendered":
            digest.update(f"{path.relative_to(KUBERNETES)}\0".encode() + path.read_bytes())
    return f"# overlays/{overlay}, written by `make manifests` from sources {digest.hexdigest()[:16]}\n"


def render(overlay: str) -> str:
    """An overlay as kubectl renders it, under its heading."""
    built = subprocess.run(
        ["kubectl", "kustomize", str(KUBERNETES / "overlays" / overlay)], capture_output=True, text=True, check=True
    )
    return heading(overlay) + built.stdout


def main() -> int:
    """Write all overlays."""
    for overlay in OVERLAYS:
        try:
            text = render(overlay)
        except FileNotFoundError:
            sys.stderr.write("manifests: kubectl is needed to render overlays; no cluster is\n")
            return 1
        except subprocess.CalledProcessError as error:
            sys.stderr.write(f"manifests: {error.stderr}")
            return 1
        rendered_file(overlay).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
