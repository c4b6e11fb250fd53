# fish completion for sockherdctl(1), by packaging/completions/generate.py from the verb table.

function __sockherdctl_pools
    sockherdctl status --timeout 1s --json 2>/dev/null | sed -n '/"pools"/,$s/^ *"name": "\([^"]*\)".*/\1/p'
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
        else if contains -- $word --address --body --connect-rate --connections --count --duration --fail-on --header --instance --limit --listener --method --pipeline --processes --ramp --rate --save --senders --since --size --slots --socket --source --subprotocol --svg --timeout --workers
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
complete -c sockherdctl -l socket -rF -d 'control socket; default $SOCKHERD_CONTROL, $RUNTIME_DIRECTORY/control or /run/sockherd/control'
complete -c sockherdctl -l instance -x -d 'speak with the instance of sockherd@NAME.service, or write for it'
complete -c sockherdctl -l timeout -x -d 'give up after this long, such as 30s or 2m; default 5s, 10m where workers are replaced, 10s for an answer to load'
complete -c sockherdctl -l json -d 'write JSON'
complete -c sockherdctl -l no-color -d 'no colours; also without a terminal, with NO_COLOR or TERM=dumb'
complete -c sockherdctl -s h -l help -d 'show this help, or that of a verb'
complete -c sockherdctl -s V -l version -d 'show the version of sockherdctl'
complete -c sockherdctl -n '__sockherdctl_at -x' -a status -d 'Show the daemon and its pools.'
complete -c sockherdctl -n '__sockherdctl_at -x' -a workers -d 'Show every worker.'
complete -c sockherdctl -n '__sockherdctl_at -x workers' -a '(__sockherdctl_pools)'
complete -c sockherdctl -n '__sockherdctl_at -x' -a listeners -d 'Show every listening socket with its queue.'
complete -c sockherdctl -n '__sockherdctl_at -x' -a events -d 'Show what has happened.'
complete -c sockherdctl -n '__sockherdctl_at events' -l since -x -d 'from this number on; default the last ones'
complete -c sockherdctl -n '__sockherdctl_at events' -l limit -x -d 'at most so many at a time, to 1000; default 20'
complete -c sockherdctl -n '__sockherdctl_at events' -l follow -d 'go on and show what happens, across restarts of the daemon too'
complete -c sockherdctl -n '__sockherdctl_at -x' -a scale -d 'Change the number of workers of a pool at run time.'
complete -c sockherdctl -n '__sockherdctl_at -x scale' -a '(__sockherdctl_pools)'
complete -c sockherdctl -n '__sockherdctl_at -x' -a reload -d 'Read the configuration anew and replace all workers; nothing changes if that fails.'
complete -c sockherdctl -n '__sockherdctl_at reload' -l wait -d 'wait until every worker is replaced, or the reload has failed (default)'
complete -c sockherdctl -n '__sockherdctl_at reload' -l no-wait -d 'only start the reload'
complete -c sockherdctl -n '__sockherdctl_at -x' -a restart -d 'Replace the workers of a pool one by one.'
complete -c sockherdctl -n '__sockherdctl_at -x restart' -a '(__sockherdctl_pools)'
complete -c sockherdctl -n '__sockherdctl_at -x' -a check -d 'Check a configuration file and tell every fault in it.'
complete -c sockherdctl -n '__sockherdctl_at check' -F
complete -c sockherdctl -n '__sockherdctl_at -x' -a config
complete -c sockherdctl -n '__sockherdctl_at -x config' -a init -d 'Write a configuration file with every option documented in place.'
complete -c sockherdctl -n '__sockherdctl_at config init' -l force -d 'overwrite an existing file'
complete -c sockherdctl -n '__sockherdctl_at config init' -F
complete -c sockherdctl -n '__sockherdctl_at -x config' -a show -d 'Show every option of a configuration file with the value it has.'
complete -c sockherdctl -n '__sockherdctl_at config show' -l origin -d 'say where each value comes from'
complete -c sockherdctl -n '__sockherdctl_at config show' -F
complete -c sockherdctl -n '__sockherdctl_at -x' -a doctor -d 'Show what this machine allows, and what is in the way of many connections.'
complete -c sockherdctl -n '__sockherdctl_at doctor' -l connections -x -d 'so many at a time; default 10000'
complete -c sockherdctl -n '__sockherdctl_at doctor' -l workers -x -d 'divided among so many processes; default one for each CPU'
complete -c sockherdctl -n '__sockherdctl_at doctor' -l outgoing -d 'they go out, as those of a proxy: each needs a port'
complete -c sockherdctl -n '__sockherdctl_at -x' -a bench
complete -c sockherdctl -n '__sockherdctl_at -x bench' -a http -d 'Make HTTP load and measure latency, without coordinated omission.'
complete -c sockherdctl -n '__sockherdctl_at bench http' -l connections -x -d 'so many at a time; default 50'
complete -c sockherdctl -n '__sockherdctl_at bench http' -l processes -x -d 'divided among these; default what descriptors and CPUs ask for'
complete -c sockherdctl -n '__sockherdctl_at bench http' -l ramp -x -d 'open them evenly over this time; default as fast as they are taken'
complete -c sockherdctl -n '__sockherdctl_at bench http' -l connect-rate -x -d 'or so many a second'
complete -c sockherdctl -n '__sockherdctl_at bench http' -l duration -x -d 'from when all are open; default 10s'
complete -c sockherdctl -n '__sockherdctl_at bench http' -l rate -x -d 'requests a second over all connections, by a schedule; default each after the last one\'s answer'
complete -c sockherdctl -n '__sockherdctl_at bench http' -l count -x -d 'requests in all, at most'
complete -c sockherdctl -n '__sockherdctl_at bench http' -l pipeline -x -d 'unanswered ones on a connection; default 1'
complete -c sockherdctl -n '__sockherdctl_at bench http' -l source -x -d 'IPv4 addresses to come from; default chosen on loopback'
complete -c sockherdctl -n '__sockherdctl_at bench http' -l header -x -d 'a further field of the request; may be repeated'
complete -c sockherdctl -n '__sockherdctl_at bench http' -l hold -d 'only hold the connections, and say nothing'
complete -c sockherdctl -n '__sockherdctl_at bench http' -l method -x -d 'default GET, or POST with a body'
complete -c sockherdctl -n '__sockherdctl_at bench http' -l body -x -d 'what to send; @FILE for the content of a file'
complete -c sockherdctl -n '__sockherdctl_at bench http' -l close -d 'a connection for each request'
complete -c sockherdctl -n '__sockherdctl_at bench http' -l fail-on -x -d 'what makes it a failure, as p99>5ms,errors>0; default errors>1%'
complete -c sockherdctl -n '__sockherdctl_at bench http' -l save -rF -d 'write the report as JSON'
complete -c sockherdctl -n '__sockherdctl_at bench http' -l svg -rF -d 'draw it'
complete -c sockherdctl -n '__sockherdctl_at -x bench' -a ws -d 'Make WebSocket load: echoes, rooms, or connections that are held.'
complete -c sockherdctl -n '__sockherdctl_at bench ws' -l connections -x -d 'so many at a time; default 50'
complete -c sockherdctl -n '__sockherdctl_at bench ws' -l processes -x -d 'divided among these; default what descriptors and CPUs ask for'
complete -c sockherdctl -n '__sockherdctl_at bench ws' -l ramp -x -d 'open them evenly over this time; default as fast as they are taken'
complete -c sockherdctl -n '__sockherdctl_at bench ws' -l connect-rate -x -d 'or so many a second'
complete -c sockherdctl -n '__sockherdctl_at bench ws' -l duration -x -d 'from when all are open; default 10s'
complete -c sockherdctl -n '__sockherdctl_at bench ws' -l rate -x -d 'messages a second over all connections, by a schedule; default each after the last one\'s answer'
complete -c sockherdctl -n '__sockherdctl_at bench ws' -l count -x -d 'messages in all, at most'
complete -c sockherdctl -n '__sockherdctl_at bench ws' -l pipeline -x -d 'unanswered ones on a connection; default 1'
complete -c sockherdctl -n '__sockherdctl_at bench ws' -l source -x -d 'IPv4 addresses to come from; default chosen on loopback'
complete -c sockherdctl -n '__sockherdctl_at bench ws' -l header -x -d 'a further field of the request; may be repeated'
complete -c sockherdctl -n '__sockherdctl_at bench ws' -l hold -d 'only hold the connections, and say nothing'
complete -c sockherdctl -n '__sockherdctl_at bench ws' -l size -x -d 'of a message; default 64'
complete -c sockherdctl -n '__sockherdctl_at bench ws' -l text -d 'text messages; default binary'
complete -c sockherdctl -n '__sockherdctl_at bench ws' -l deflate -d 'compress, with permessage-deflate'
complete -c sockherdctl -n '__sockherdctl_at bench ws' -l subprotocol -x -d 'to offer'
complete -c sockherdctl -n '__sockherdctl_at bench ws' -l echo-at-end -d 'one message of each connection when all else is done'
complete -c sockherdctl -n '__sockherdctl_at bench ws' -l receive -d 'some send, all receive, as in a room'
complete -c sockherdctl -n '__sockherdctl_at bench ws' -l senders -x -d 'so many of the connections send; default 1'
complete -c sockherdctl -n '__sockherdctl_at bench ws' -l fail-on -x -d 'what makes it a failure, as p99>5ms,errors>0; default errors>1%'
complete -c sockherdctl -n '__sockherdctl_at bench ws' -l save -rF -d 'write the report as JSON'
complete -c sockherdctl -n '__sockherdctl_at bench ws' -l svg -rF -d 'draw it'
complete -c sockherdctl -n '__sockherdctl_at -x' -a new
complete -c sockherdctl -n '__sockherdctl_at -x new' -a app -d 'Write the files of an application module in C++, with a test; overwrites nothing.'
complete -c sockherdctl -n '__sockherdctl_at new app' -F
complete -c sockherdctl -n '__sockherdctl_at -x' -a unit -d 'Print a socket unit of systemd for a listener, or a drop-in for the one that is there.'
complete -c sockherdctl -n '__sockherdctl_at unit' -l address -x -d '443 for all addresses, HOST:PORT, or unix:/PATH'
complete -c sockherdctl -n '__sockherdctl_at unit' -l listener -x -d 'its name in the configuration; default web'
complete -c sockherdctl -n '__sockherdctl_at unit' -l slots -x -d 'so many equal sockets, for as many workers times threads without CAP_CHOWN; default 1'
complete -c sockherdctl -n '__sockherdctl_at unit' -l drop-in -d 'only what changes in the unit that comes with sockherd'
complete -c sockherdctl -n '__sockherdctl_at -x' -a version -d 'Show the versions of sockherdctl and of the daemon.'
