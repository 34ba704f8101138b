"""The VMs of a simulated cloud: how they are created, live, and use resources."""
