"""What operators count. Names follow Prometheus's conventions; labels are bounded: methods, handlers, outcomes."""

from prometheus_client import Counter, Gauge, Histogram

calls_served = Counter("calls_served_total", "Calls answered.", ["method", "outcome"])
call_seconds = Histogram("call_seconds", "Time to answer a call.", ["method"])
calls_expired = Counter("calls_expired_total", "Calls past their deadline, not executed.", ["method"])
calls_shed = Counter("calls_shed_total", "Calls refused because they had waited too long behind a full house.", ["method"])
calls_made = Counter("calls_made_total", "Calls made to other services.", ["method", "outcome"])
events_handled = Counter("events_handled_total", "Events handled.", ["handler", "outcome"])
messages_unreadable = Counter("messages_unreadable_total", "Messages that could not be read.", ["queue"])
messages_dead_lettered = Counter("messages_dead_lettered_total", "Messages that the broker gave up.", ["queue", "reason"])
messages_parked = Counter("messages_parked_total", "Messages set aside.", ["handler", "state"])
parked_messages = Gauge("parked_messages", "Messages set aside now.", ["state"])
acks_lost = Counter("acks_lost_total", "Acknowledgements that the broker did not get: it delivers those messages again.")
outbox_unpublished = Gauge("outbox_unpublished", "Announced and not yet published.")
events_published = Counter("events_published_total", "Events confirmed by the broker.")
events_unroutable = Counter("events_unroutable_total", "Events that the broker gave back: no queue takes them.", ["event"])
events_set_aside = Counter("events_set_aside_total", "Events that could not be made a message, set aside.", ["event"])
events_held_back = Gauge("events_held_back", "Kinds of events held back because a listener's queue does not stand.")
relay_is_leader = Gauge("relay_is_leader", "Whether this process publishes its database's events.")
connections_lost = Counter("connections_lost_total", "Connections to the broker that broke.", ["link"])
database_refusals = Counter("database_refusals_total", "Work refused because of the database.", ["reason"])
loop_lag_seconds = Histogram(
    "loop_lag_seconds", "How late the process's own loop was.", buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
)
