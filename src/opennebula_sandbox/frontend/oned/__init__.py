"""How a local oned handles its VMs: the users' requests, and the tables of states."""
