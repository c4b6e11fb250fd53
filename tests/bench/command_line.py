"""What the benches beside peers have in common: which peers and cases, how many rounds, where the results go."""
import argparse
import pathlib


def parser(description, cases, peers=(), rounds=3, seconds=4):
    """With --out, --rounds, --cases, --quick and --draw; --seconds and --peers where there are any."""
    made = argparse.ArgumentParser(description=description.split("\n", maxsplit=1)[0])
    made.add_argument("--out", type=pathlib.Path, required=True, help="directory of the results")
    made.add_argument("--rounds", type=int, default=rounds)
    if seconds:
        made.add_argument("--seconds", type=int, default=seconds, help="of one measured run")
    if peers:
        made.add_argument("--peers", default=",".join(peers), help="comma-separated; default: all")
    made.add_argument("--cases", default=",".join(cases), help="comma-separated; default: all")
    made.add_argument("--quick", action="store_true",
                      help="one round of two seconds" if seconds else "one round")
    made.add_argument("--draw", action="store_true", help="only tables and pictures, from the JSON")
    return made


def parse(made, cases, peers=()):
    """The options, with `peers` and `cases` as lists of names that are known."""
    options = made.parse_args()
    options.cases = names(made, options.cases, cases)
    if peers:
        options.peers = names(made, options.peers, peers)
    if options.quick:
        options.rounds = 1
        if "seconds" in options:
            options.seconds = 2
    return options


def names(made, given, known):
    """The list; an unknown name ends the program with those that there are."""
    wanted = given.split(",")
    if unknown := set(wanted) - set(known):
        made.error(f"not known: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return wanted
