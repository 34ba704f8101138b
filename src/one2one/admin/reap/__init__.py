"""``one2one reap``: remote VMs that no local VM owns any more."""
