"""What a local oned does with its VMs: users' requests, states, and their tables."""
