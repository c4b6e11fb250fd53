"""Where the programs under test are."""
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]


def bin_dir():
    """SOCKHERD_BIN_DIR, or the dev build of this tree."""
    return pathlib.Path(os.environ.get("SOCKHERD_BIN_DIR") or ROOT / "build/dev/bin").resolve()


def program(name):
    """The path of one of our programs; says what to do when it is not there."""
    path = bin_dir() / name
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: build it (./dev build), or point "
                                "SOCKHERD_BIN_DIR at a build")
    return str(path)
