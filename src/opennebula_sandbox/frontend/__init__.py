"""The simulated front-end: a local oned that runs drivers, with hosts, VMs and API."""
