"""The monitoring of hosts, with and without onemonitord, and the stock shell for probes."""
