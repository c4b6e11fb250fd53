# bash completion for sockherdctl(1); tests/lint/docs_match.py compares it with the verb table.

# The pools and slots of the running daemon, or nothing.
_sockherdctl_pools() {
  sockherdctl status --timeout 1s --json 2>/dev/null |
    sed -n '/"pools"/,$s/^ *"name": "\([^"]*\)".*/\1/p'
}
_sockherdctl_slots() {
  sockherdctl workers "$1" --timeout 1s --json 2>/dev/null |
    sed -n 's/^ *"slot": \([0-9]*\).*/\1/p'
}

_sockherdctl() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
  local options='--socket --instance --timeout --json --no-color --help --version'
  local load='--connections --processes --ramp --connect-rate --duration --rate --count --pipeline --source'
  load+=' --header --hold --fail-on --save --svg'
  local words=() i
  COMPREPLY=()
  case $prev in
    --socket | --save | --svg) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    --timeout | --since | --limit | --instance | --address | --listener | --slots) return ;;
    --connections | --processes | --ramp | --connect-rate | --duration | --rate | --count | \
      --pipeline | --source | --header | --method | --body | --fail-on | --size | --subprotocol | \
      --senders | --workers) return ;;
  esac
  # The words of the verb so far: what is neither an option nor the value of one.
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      --socket | --timeout | --since | --limit | --save | --svg) ((i++)) ;;
      --instance | --address | --listener | --slots) ((i++)) ;;
      --connections | --processes | --ramp | --connect-rate | --duration | --rate | --count | \
        --pipeline | --source | --header | --method | --body | --fail-on | --size | --subprotocol | \
        --senders | --workers) ((i++)) ;;
      -*) ;;
      *) words+=("${COMP_WORDS[i]}") ;;
    esac
  done
  local candidates=''
  case "${words[*]}" in
    '') candidates='status workers listeners events scale reload restart doctor bench check config new unit version' ;;
    config) candidates='init show' ;;
    bench) candidates='http ws' ;;
    new) candidates='app' ;;
    workers | scale | restart) [[ $cur == -* ]] || candidates=$(_sockherdctl_pools) ;;
    'restart '*) [[ ${#words[@]} -eq 2 ]] && candidates=$(_sockherdctl_slots "${words[1]}") ;;
    events) options+=' --since --limit --follow' ;;
    reload) [[ $cur == -* ]] && options+=' --wait --no-wait' ;;
    unit) options+=' --address --listener --slots --drop-in' ;;
    doctor) options+=' --connections --workers --outgoing' ;;
    'bench http'*) options+=" $load --method --body --close" ;;
    'bench ws'*) options+=" $load --size --text --deflate --subprotocol --echo-at-end --receive --senders" ;;
    'config init') options+=' --force' ;;
    'config show') options+=' --origin' ;;
  esac
  [[ $cur == -* ]] && candidates=$options
  mapfile -t COMPREPLY < <(compgen -W "$candidates" -- "$cur")
  case "${words[*]}" in
    check | 'new app' | 'config init' | 'config show')
      [[ $cur == -* ]] || mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      ;;
  esac
}

complete -F _sockherdctl sockherdctl
