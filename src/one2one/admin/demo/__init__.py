"""``one2one demo``: the whole life of several VMs, shown as it happens."""
