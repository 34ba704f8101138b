"""The simulated front-end: oned's side of a driver, with local hosts, VMs and API."""
