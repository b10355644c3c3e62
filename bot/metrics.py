"""What a bot counts for /metrics. Numbers only: no text, no name, no id of anybody."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    """The metrics of one process."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        of = self.registry
        self.updates = Counter(
            *("lyricbot_updates", "Updates handled, by kind.", ["kind"]), registry=of
        )
        self.latency = Histogram(
            *("lyricbot_update_seconds", "From taking up an update to having handled it."),
            labelnames=["kind"],
            buckets=SECONDS,
            registry=of,
        )
        self.skipped = Counter(
            *("lyricbot_updates_skipped", "Updates too old to answer."), registry=of
        )
        self.duels = Counter("lyricbot_duels", "Duels opened.", registry=of)
        self.answers = Counter(*("lyricbot_answers", "Answers in duels.", ["answer"]), registry=of)
        self.refusals = Counter(
            *("lyricbot_refusals", "Duels refused, by why.", ["why"]), registry=of
        )
        self.errors = Counter("lyricbot_errors", "Updates that failed.", registry=of)
        self.calls = Counter(
            *("lyricbot_calls", "Calls of the Bot API.", ["method", "outcome"]), registry=of
        )
        self.jobs = Gauge("lyricbot_jobs", "The latest jobs by state.", ["state"], registry=of)
        self.workers = Gauge("lyricbot_workers", "Workers that are alive.", registry=of)
        self.release = Gauge("lyricbot_release", "The current release.", registry=of)
        self.inbox = Gauge("lyricbot_inbox", "Updates taken and not yet handled.", registry=of)
        self.inbox_oldest = Gauge(
            *("lyricbot_inbox_oldest_seconds", "How long the oldest of them has waited."),
            registry=of,
        )
