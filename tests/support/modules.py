"""Where the modules of this build are, and configurations that serve them."""
from tests.support.daemon import BASIC
from tests.support.paths import bin_dir


def module(name):
    """The path of a module of tests/support/modules."""
    return _there(bin_dir().parent / "tests/modules" / f"{name}.so")


def example(name):
    """The path of the module of an example."""
    return _there(bin_dir().parent / "examples" / name / f"{name}.so")


def _there(path):
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: build it (./dev build)")
    return str(path)


def module_config(path, prefix="/", workers=2, pool="", more=""):
    """As basic_config(), with a module below `prefix`, and the demo below /demo/."""
    routes = (f'{{ path = "{prefix}", module = "{path}" }}, '
              '{ path = "/demo/", module = "demo" }')
    return (BASIC.format(workers=workers, pool=pool, more=more)
            .replace('{ path = "/", module = "demo" }', routes))
