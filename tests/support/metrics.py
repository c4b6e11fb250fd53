"""What Prometheus would read from /metrics."""
import re

SERIES = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*(?:\{.*\})?) ([^ ]+)$")
COUNTERS = re.compile(r"_(total|count|sum|bucket)(\{|$)")
# Counted by a process about itself: a new process, a new counter, as everywhere.
OF_ONE_PROCESS = re.compile(r"^process_|^sockherd_(admin_requests|admin_connections|scrape)_|"
                            r"^sockherd_log_messages_total\{.*process=\"admin\"")


class Metrics(dict):
    """{series: value} of one scrape."""

    def total(self, name, *labels):
        """Sum over all series of a name that have these labels, such as 'pool="web"'."""
        return sum(value for series, value in self.items() if series.split("{")[0] == name and
                   all(label in series for label in labels))

    def gone_down(self, earlier):
        """{series: (then, now)} of counters that have a smaller value now, or none."""
        return {series: (then, self.get(series)) for series, then in earlier.items()
                if COUNTERS.search(series) and not OF_ONE_PROCESS.search(series) and
                self.get(series, -1) < then}


def scrape(daemon):
    """One scrape of a daemon's admin port."""
    answer = daemon.admin("GET", "/metrics")
    if answer.status != 200:
        raise AssertionError(answer)
    matches = (SERIES.match(line) for line in answer.body.decode().splitlines())
    return Metrics((match[1], float(match[2])) for match in matches if match)
