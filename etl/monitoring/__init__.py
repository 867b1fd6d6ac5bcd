"""What a monitor reads: Prometheus metrics, in a file or over HTTP."""
