"""The VMs of a simulated cloud: how they are made, live, and use what they have."""
