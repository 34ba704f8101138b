"""Monitoring, before and with onemonitord, and the stock shell for probes."""
