"""``one2one release``: remote VMs are given back to their cloud."""
