"""What operators count at the gateway. Labels are bounded: route patterns, methods, statuses."""

from prometheus_client import Counter, Gauge, Histogram

requests = Counter("http_requests_total", "Requests answered.", ["verb", "route", "status"])
request_seconds = Histogram("http_request_seconds", "Time to answer a request.", ["route"])
in_flight = Gauge("http_requests_in_flight", "Requests being answered.")
calls = Counter("gateway_calls_total", "Calls made to services.", ["method", "outcome"])
bus_is_up = Gauge("gateway_bus_is_up", "Whether the broker is connected.")
connections_lost = Counter("gateway_connections_lost_total", "Connections to the broker that broke.")
headers_cut = Counter("http_headers_cut_total", "Connections cut while sending headers.", ["reason"])
answers_cut = Counter("http_answers_cut_total", "Connections cut as nobody read the answer.")
