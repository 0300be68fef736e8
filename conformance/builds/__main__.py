"""`python -m conformance.builds [SET|PROGRAM …]`: build what is missing, and say where each program is."""

import argparse
import sys

from conformance import builds


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m conformance.builds", description=builds.__doc__)
    parser.add_argument("name", nargs="*", help="a build set or a program; everything by default")
    names = parser.parse_args().name
    try:
        for build_set, seconds in builds.ensure(names).items():
            print(f"built {build_set} in {seconds:.0f} s", flush=True)
        for name in names or builds.programs():
            for program in builds.SETS[name].all_programs if name in builds.SETS else [name]:
                print(f"{program}: {builds.path(program)}")
    except builds.BuildError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
