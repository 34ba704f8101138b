"""``one2one adopt``: local VMs of remote VMs that are there already."""
