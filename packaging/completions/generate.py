#!/usr/bin/env python3
"""Writes the completions of zsh and fish from the verb table.

    generate.py DIRECTORY-OF-PROGRAMS     writes _sockherdctl and sockherdctl.fish beside this file

tests/lint/docs_match.py fails where they are not what this makes. That of bash is written by hand.
"""
import json
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
FILES = ("DIR", "FILE", "PATH")  # values that are names of files


def table(programs):
    """The verbs and the options that all have, as sockherdctl lists them."""
    done = subprocess.run([str(pathlib.Path(programs) / "sockherdctl"), "verbs", "--json"], text=True,
                          capture_output=True, check=True)
    return json.loads(done.stdout)


def is_live(verb):
    """Whether its first argument is a pool of the running daemon."""
    return bool(verb["arguments"]) and verb["arguments"][0]["name"] == "POOL"


def spellings(option):
    """'-h, --help' -> ['-h', '--help']; the value, if any, apart."""
    return re.findall(r"--?[A-Za-z-]+", option["name"])


# ---- zsh ----

ZSH = """\
#compdef sockherdctl
# zsh completion for sockherdctl(1), by packaging/completions/generate.py from the verb table.

_sockherdctl_pools() {{
  local -a pools
  pools=(${{(f)"$(sockherdctl status --timeout 1s --json 2>/dev/null | sed -n '/"pools"/,$s/^ *"name": "\\([^"]*\\)".*/\\1/p')"}})
  compadd -a pools
}}

_sockherdctl() {{
  local curcontext=$curcontext state line
  local -a common=(
{common}
  )
  _arguments -C -S $common '1: :->verb' '*:: :->rest' && return
  case $state in
    verb)
      local -a verbs=(
{verbs}
      )
      _describe -t verbs verb verbs
      ;;
    rest)
      case $line[1] in
{cases}
      esac
      ;;
  esac
}}

_sockherdctl "$@"
"""


def zsh_text(text):
    """Within single quotes and brackets of _arguments."""
    return re.sub(r"([\[\]:\\])", r"\\\1", text).replace("'", r"'\''")


def zsh_value(value):
    return f":{value}:" + ("_files" if value in FILES else " ") if value else ""


def zsh_common(option):
    names, value = spellings(option), option["value"]
    others = "(" + " ".join(names) + ")"
    spec = f"[{zsh_text(option['help'])}]{zsh_value(value)}"
    if len(names) == 1:
        return f"    '{names[0]}{spec}'"
    return f"    '{others}'{{{','.join(names)}}}'{spec}'"


def zsh_verb(verb, indent):
    words = ["_arguments -S $common"]
    for option in verb["options"]:
        repeat = "*" if option["repeat"] else ""
        words.append(f"'{repeat}{option['name']}[{zsh_text(option['help'])}]{zsh_value(option['value'])}'")
    for place, argument in enumerate(verb["arguments"], 1):
        action = ("_sockherdctl_pools" if argument["name"] == "POOL" else
                  "_files" if argument["name"] in FILES else " ")
        colon = ":" if argument["required"] else "::"
        words.append(f"'{place}{colon}{argument['name']}:{action}'")
    return f" \\\n{indent}  ".join(words)


def zsh(verbs, common):
    top, groups = {}, {}
    for verb in verbs:
        first, _, second = verb["name"].partition(" ")
        groups.setdefault(first, []).append((second, verb))
        top.setdefault(first, verb["help"] if not second else
                       "further: " + ", ".join(v["name"].split()[1] for v in verbs
                                               if v["name"].startswith(first + " ")))
    cases = []
    for first, members in groups.items():
        if not members[0][0]:
            cases.append(f"        {first})\n          {zsh_verb(members[0][1], ' ' * 10)}\n          ;;")
            continue
        cases.append(zsh_group(first, members))
    return ZSH.format(common="\n".join(zsh_common(o) for o in common),
                      verbs="\n".join(f"        '{n}:{zsh_text(h)}'" for n, h in top.items()),
                      cases="\n".join(cases))


def zsh_group(first, members):
    """A verb of two words: the second is chosen first, then it is as any other."""
    names = "\n".join(f"            '{second}:{zsh_text(verb['help'])}'" for second, verb in members)
    inner = "\n".join(f"            {second})\n              {zsh_verb(verb, ' ' * 14)}\n              ;;"
                      for second, verb in members)
    return f"""\
        {first})
          if (( CURRENT == 2 )); then
            local -a second=(
{names}
            )
            _describe -t verbs verb second
            return
          fi
          local chosen=$words[2]
          shift words
          (( CURRENT-- ))
          case $chosen in
{inner}
          esac
          ;;"""


# ---- fish ----

FISH = """\
# fish completion for sockherdctl(1), by packaging/completions/generate.py from the verb table.

function __sockherdctl_pools
    sockherdctl status --timeout 1s --json 2>/dev/null | sed -n '/"pools"/,$s/^ *"name": "\\([^"]*\\)".*/\\1/p'
end

# Whether the words so far, without options, begin with these; with -x: are these.
function __sockherdctl_at
    set -l exact no
    if test "$argv[1]" = -x
        set exact yes
        set -e argv[1]
    end
    set -l words
    set -l skip no
    for word in (commandline -opc)[2..-1]
        if test $skip = yes
            set skip no
        else if contains -- $word {valued}
            set skip yes
        else if not string match -q -- '-*' $word
            set -a words $word
        end
    end
    test $exact = yes; and test (count $words) -ne (count $argv); and return 1
    test (count $words) -lt (count $argv); and return 1
    for i in (seq (count $argv))
        test "$words[$i]" = "$argv[$i]"; or return 1
    end
    return 0
end

complete -c sockherdctl -f
{lines}
"""


def fish_text(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def fish_option(option, condition):
    words = ["complete -c sockherdctl"]
    if condition:
        words.append(f"-n '__sockherdctl_at {condition}'")
    for name in spellings(option):
        words.append(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}")
    if option["value"]:
        words.append("-rF" if option["value"] in FILES else "-x")
    return " ".join([*words, "-d", fish_text(option["help"])])


def fish(verbs, common):
    lines, seen = [fish_option(option, "") for option in common], set()
    valued = [name for verb in verbs for o in [*verb["options"], *common] if o["value"]
              for name in spellings(o)]
    for verb in verbs:
        first, _, second = verb["name"].partition(" ")
        if second and first not in seen:
            lines.append(f"complete -c sockherdctl -n '__sockherdctl_at -x' -a {first}")
        seen.add(first)
        lines.append(f"complete -c sockherdctl -n '__sockherdctl_at -x{' ' + first if second else ''}' "
                     f"-a {second or first} -d {fish_text(verb['help'])}")
        lines += [fish_option(option, verb["name"]) for option in verb["options"]]
        if is_live(verb):
            lines.append(f"complete -c sockherdctl -n '__sockherdctl_at -x {verb['name']}' "
                         "-a '(__sockherdctl_pools)'")
        if any(argument["name"] in FILES for argument in verb["arguments"]):
            lines.append(f"complete -c sockherdctl -n '__sockherdctl_at {verb['name']}' -F")
    return FISH.format(valued=" ".join(sorted(set(valued))), lines="\n".join(lines))


def generate(programs):
    """The content of each file, by its name."""
    listed = table(programs)
    verbs, common = listed["verbs"], listed["options"]
    return {"_sockherdctl": zsh(verbs, common), "sockherdctl.fish": fish(verbs, common)}


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for file, content in generate(sys.argv[1]).items():
        (HERE / file).write_text(content)
