import argparse
import asyncio
import sys

from conformance.guest import Guest, GuestError, ensure_image


async def _run(command: list[str]) -> int:
    async with Guest() as guest:
        done = await guest.run(command, check=False, timeout=600)
    sys.stdout.write(done.stdout)
    sys.stderr.write(done.stderr)
    return done.returncode


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m conformance.guest", description="The emulated systemd machine.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("build", help="build the image unless it is cached, and print where it is")
    run = verbs.add_parser("run", help="boot, run one command, end")
    run.add_argument("command", nargs="+", help="after --")
    arguments = parser.parse_args()
    try:
        if arguments.verb == "build":
            print(ensure_image().directory)
            return 0
        return asyncio.run(_run(arguments.command))
    except GuestError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
