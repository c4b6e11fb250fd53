# shellcheck shell=sh
# Load on the service while something happens to it, by the generator that it brings; no failure is allowed.

# Waits until it runs.
load_begins() {
    sockherdctl bench http http://127.0.0.1:8080/plaintext --connections 20 --close --duration 10m \
        --fail-on 'errors>0' --save "$AUTOPKGTEST_TMP/load.json" >"$AUTOPKGTEST_TMP/load.txt" 2>&1 &
    load=$!
    until grep -qs ' answers/s' "$AUTOPKGTEST_TMP/load.txt"; do
        kill -0 "$load" || { echo "there is no load:"; cat "$AUTOPKGTEST_TMP/load.txt"; exit 1; }
        sleep 0.1
    done
}

# It must have been there all the time.
load_ends() {
    sleep 1
    kill -TERM "$load" || { echo "the load ended before its time:"; cat "$AUTOPKGTEST_TMP/load.txt"; exit 1; }
    wait "$load" || { echo "requests were lost:"; cat "$AUTOPKGTEST_TMP/load.txt"; exit 1; }
    cat "$AUTOPKGTEST_TMP/load.txt"
}

main_pid() { systemctl show -P MainPID sockherd.service; }

# Of the socket unit: differs once it has been stopped.
socket_identity() { systemctl show -P ActiveEnterTimestampMonotonic sockherd.socket; }
